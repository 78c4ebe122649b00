#!/bin/bash
# Messages signed by OpenDKIM and by Rspamd with exported keys verify here, and in mailauth; a changed byte does not, and its place is told.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin opendkim jq openssl

mode=$(basename "$(dirname "$program")")
make -s --no-print-directory -C "${e2e_lib%/tests/lib}" MODE="$mode" "build/$mode/tests/proof/signed" >&2 || exit 70
verifier=${e2e_lib%/tests/lib}/build/$mode/tests/proof/signed
domain=getnorthwind.example
mail=$work/mail.eml

mkdir "$work/zones"
{
	cfg_head
	echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
	cfg_tenant northwind.example 'ed25519 = true;' "$domain"
} >"$cfg"

exported() {
	run 0 provision northwind.example --yes && run 0 keys export "$domain" --out "$work/keys" || return 1
	local f p
	for f in "$work/keys/$domain".*.private; do
		p=${f#"$work/keys/$domain."}
		p=${p%.private}
		if openssl pkey -in "$f" -noout -text | grep -q RSA || openssl rsa -in "$f" -noout 2>/dev/null; then
			rsa=$p rsa_key=$f
		else
			ed=$p ed_key=$f
		fi
	done
	[ -n "${rsa:-}" ] && [ -n "${ed:-}" ]
}
pass "the keys of a domain are made, published and exported" exported || finish

# record SELECTOR: NAME=TXT, as it stands in the zone.
record() {
	sed -n "s/^$1\._domainkey[^\"]*\"\(.*\)\"\$/\1/p" "$work/zones/$domain.zone" | sed "s/\" \"//g; s/^/$1._domainkey.$domain=/"
}
rsa_record=$(record "$rsa")
ed_record=$(record "$ed")

{
	printf 'From: Anna Berg <anna@%s>\r\nTo: li@fabrikam.example\r\nSubject: a word on\r\n  folded   subjects\r\n' "$domain"
	printf 'Date: Tue, 03 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@%s>\r\nMIME-Version: 1.0\r\n' "$domain"
	printf 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n'
	printf 'List-Unsubscribe: <https://u.%s/x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n' "$domain"
	printf 'Hello Li,\r\n\r\n  two  blanks, a trailing one, \r\nand gr\xc3\xbc\xc3\x9fe.\r\n\r\n-- \r\nAnna\r\n\r\n\r\n'
} >"$mail"

verify() { # MESSAGE [RECORD...]: its lines in $out
	"$verifier" "$@" >"$out" 2>"$err"
}
says() { # WANT MESSAGE [RECORD...]
	local want=$1
	shift
	verify "$@"
	equal "$(paste -sd , "$out")" "$want" || { why="$why: $(said)"; return 1; }
}
second_opinion() { # NAME WANT MESSAGE RECORD...
	local name="$1, and for mailauth" want=$2
	shift 2
	if ! command -v node >/dev/null || ! node -e 'require("mailauth/lib/dkim/verify")' 2>/dev/null; then
		skip "$name" "mailauth is not installed (NODE_PATH)"
		return
	fi
	agrees() {
		node "$e2e_lib/mailauth.js" "$@" >"$out" 2>"$err"
		equal "$(paste -sd , "$out")" "$want" || { why="$why: $(said)"; return 1; }
	}
	pass "$name" agrees "$@"
}

# p= with another letter in its middle: still a key of that form.
other_key() { # RECORD
	local head=${1%p=*}p= p=${1##*p=}
	local at=$((${#p} / 2)) letter=A
	[ "${p:at:1}" != A ] || letter=B
	printf '%s%s%s%s' "$head" "${p:0:at}" "$letter" "${p:at+1}"
}
edited() { # SED-SCRIPT: $work/changed.eml out of $signed
	sed "$1" "$signed" >"$work/changed.eml" && ! cmp -s "$signed" "$work/changed.eml"
}

# ---- OpenDKIM ----
opendkim_signs() { # FORM
	{
		printf 'Domain %s\nSelector %s\nKeyFile %s\nCanonicalization %s\nMode s\n' "$domain" "$rsa" "$rsa_key" "$1"
		printf 'OversignHeaders From\nRequireSafeKeys no\nInternalHosts 127.0.0.1\nSignatureAlgorithm rsa-sha256\nUserID %s\n' "$(id -un)"
	} >"$work/opendkim.conf"
	PATH=$PATH:/usr/sbin opendkim -x "$work/opendkim.conf" -vvv -t "$mail" >"$out" 2>"$err" || return 1
	sed -n "s/^### INSHEADER: idx=[0-9]* hname='\(.*\)' hvalue='/\1: /p; /^\t/p" "$out" | sed "s/'\$//; s/\$/\r/" >"$work/field"
	grep -q '^DKIM-Signature: ' "$work/field" || { why="no signature: $(said)"; return 1; }
	signed=$work/opendkim.${1/\//-}.eml
	cat "$work/field" "$mail" >"$signed"
}
for form in simple/simple simple/relaxed relaxed/simple relaxed/relaxed; do
	opendkim_verifies() {
		opendkim_signs "$form" && says "pass - rsa-sha256 $rsa" "$signed" "$rsa_record"
	}
	pass "a message signed by OpenDKIM verifies, $form" opendkim_verifies
	second_opinion "a message signed by OpenDKIM verifies, $form" "pass rsa-sha256 $rsa" "$signed" "$rsa_record"
	body() {
		edited 's/^Anna/Anne/' && says "fail body-changed rsa-sha256 $rsa" "$work/changed.eml" "$rsa_record"
	}
	pass "not with a byte of its body changed: body-changed, $form" body
	header() {
		edited 's/^Date: Tue, 03/Date: Tue, 04/' && says "fail header-changed rsa-sha256 $rsa" "$work/changed.eml" "$rsa_record"
	}
	pass "nor of its header: header-changed, $form" header
	key() {
		says "fail key-wrong rsa-sha256 $rsa" "$signed" "$(other_key "$rsa_record")"
	}
	pass "nor of the key: key-wrong, $form" key
done
line_ends() {
	tr -d '\r' <"$signed" >"$work/changed.eml" && says "pass - rsa-sha256 $rsa" "$work/changed.eml" "$rsa_record"
}
pass "a copy saved with bare line feeds verifies" line_ends
footer() {
	{ cat "$signed"; printf -- '-- \r\nthe list\r\n'; } >"$work/changed.eml" && says "fail body-appended rsa-sha256 $rsa" "$work/changed.eml" "$rsa_record"
}
pass "a footer is told" footer
recoded() {
	{ sed '/^\r$/,$d; s/8bit/base64/' "$signed"; printf '\r\n'; sed '1,/^\r$/d' "$signed" | base64 | sed 's/$/\r/'; } >"$work/changed.eml" &&
		says "fail body-recoded rsa-sha256 $rsa" "$work/changed.eml" "$rsa_record"
}
pass "a body in another encoding is told" recoded
unpublished() {
	says "permerror key-missing rsa-sha256 $rsa" "$signed" && says "permerror key-revoked rsa-sha256 $rsa" "$signed" "$rsa._domainkey.$domain=v=DKIM1; p="
}
pass "so is a key that is not there, or not any more" unpublished
if PATH=$PATH:/usr/sbin command -v opendkim-testmsg >/dev/null; then
	sha1() {
		opendkim-testmsg -C -d "$domain" -s "$rsa" -k "$rsa_key" <"$mail" >"$work/changed.eml" 2>"$err" &&
			has "$work/changed.eml" 'a=rsa-sha1' && says "permerror sha1 rsa-sha1 $rsa" "$work/changed.eml" "$rsa_record"
	}
	pass "rsa-sha1, which OpenDKIM can still sign with, is no pass" sha1
else
	skip "rsa-sha1, which OpenDKIM can still sign with, is no pass" "opendkim-testmsg is not installed"
fi

# ---- Rspamd ----
if ! command -v rspamd >/dev/null || ! command -v curl >/dev/null; then
	skip "Rspamd signs" "rspamd or curl is not installed"
	finish
fi
port=$(free_port)
mkdir "$work/rspamd"
echo example >"$work/rspamd/tld"
# It takes an Ed25519 key as base64 of seed and public half, not as PEM.
{
	openssl pkey -in "$ed_key" -outform DER | tail -c 32
	openssl pkey -in "$ed_key" -pubout -outform DER | tail -c 32
} | base64 -w 0 >"$work/rspamd/ed"
cat >"$work/rspamd/rspamd.conf" <<-CONF
	options { tempdir = "$work/rspamd"; dynamic_conf = "$work/rspamd/dynamic"; history_file = "$work/rspamd/history"; pidfile = "$work/rspamd/pid";
	  control_socket = "$work/rspamd/control mode=0600"; hs_cache_dir = "$work/rspamd"; filters = "dkim"; local_addrs = [ "127.0.0.1" ];
	  url_tld = "$work/rspamd/tld"; dns { nameserver = [ "127.0.0.1:9" ]; timeout = 0.2; retransmits = 1; } }
	logging { type = "console"; level = "notice"; }
	worker "normal" { bind_socket = "127.0.0.1:$port"; count = 1; }
	modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
	dkim_signing { sign_local = true; check_pubkey = false; allow_username_mismatch = true; allow_hdrfrom_mismatch = true; use_domain = "header"; use_esld = false;
	  domain { "$domain" { selectors = [ { selector = "$rsa"; path = "$rsa_key"; }, { selector = "$ed"; path = "$work/rspamd/ed"; } ]; } } }
CONF
rspamd -f -u "$(id -un)" -g "$(id -gn)" --insecure -c "$work/rspamd/rspamd.conf" >"$work/rspamd/log" 2>&1 &
e2e_pids+=($!)
rspamd_signs() {
	curl -sS -m 5 -H 'IP: 127.0.0.1' -H "From: anna@$domain" --data-binary "@$mail" "http://127.0.0.1:$port/checkv2" >"$work/reply" 2>"$err" || return 1
	jq -r '."dkim-signature" | if type == "array" then .[] else . end | "DKIM-Signature: " + .' "$work/reply" | sed 's/\r*$/\r/' >"$work/field"
	signed=$work/rspamd.eml
	cat "$work/field" "$mail" >"$signed"
	equal "$(grep -c '^DKIM-Signature: v=1' "$signed")" 2 || { why="$why: $(head -c 900 "$work/reply")"; return 1; }
}
until_true 60 rspamd_signs
pass "Rspamd signs with both keys" rspamd_signs || { tail -n 5 "$work/rspamd/log" >&2; finish; }
# One line a signature, in no order.
both() { # RSA ED25519 MESSAGE RECORD...
	local want
	want=$(printf '%s rsa-sha256 %s\n%s ed25519-sha256 %s\n' "$1" "$rsa" "$2" "$ed" | sort | paste -sd ,)
	shift 2
	verify "$@"
	equal "$(sort "$out" | paste -sd ,)" "$want" || { why="$why: $(said)"; return 1; }
}
pass "both of its signatures verify" both 'pass -' 'pass -' "$signed" "$rsa_record" "$ed_record"
order=$(awk '{ print $1, $3, $4 }' "$out" | paste -sd ,)
second_opinion "both of its signatures verify" "$order" "$signed" "$rsa_record" "$ed_record"
rspamd_body() {
	edited 's/^Anna/Anne/' && both 'fail body-changed' 'fail body-changed' "$work/changed.eml" "$rsa_record" "$ed_record"
}
pass "not with a byte of the body changed: body-changed, both" rspamd_body
rspamd_header() {
	edited 's/^Date: Tue, 03/Date: Tue, 04/' && both 'fail header-changed' 'fail header-or-key' "$work/changed.eml" "$rsa_record" "$ed_record"
}
pass "nor of the header: header-changed for RSA; Ed25519 cannot tell" rspamd_header
rspamd_key() {
	both 'fail key-wrong' 'fail header-or-key' "$signed" "$(other_key "$rsa_record")" "$(other_key "$ed_record")"
}
pass "nor of the key: key-wrong for RSA; Ed25519 cannot tell" rspamd_key
rspamd_tag() {
	edited 's/^Subject: a word/Subject: [list] a word/' && both 'fail header-changed' 'fail header-changed' "$work/changed.eml" "$rsa_record" "$ed_record" &&
		equal "$(grep -c 'in front of the Subject' "$err")" 2
}
pass "a tag in front of the subject is told by both" rspamd_tag
finish
