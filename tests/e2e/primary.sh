#!/bin/bash
# No command touches a primary domain, however it is spelt: exit 77, no call to the provider, nothing written.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq python3

# Nobody stands behind the proxy: whoever asks it is counted.
proxy "$(free_port)"
export PDNS_KEY=unused-key-of-the-test
mkdir "$work/zones"
{
	cfg_head
	printf 'zones = ( { name = "dns"; driver = "powerdns"; url = "http://127.0.0.1:%s"; api_key = "env:PDNS_KEY"; name_servers = [ "ns1.dnshost.example" ]; },\n' "$proxy_port"
	printf '  { name = "files"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );\n'
	cat <<-'CFG'
		tenants = (
		  { primary = "mail.northwind.example"; zone = "dns"; mail_host = "mail"; warm_up = 0;
		    mailboxes = ( { local = "anna"; } ); domains = ( { name = "getnorthwind.example"; }, { name = "trynorthwind.example"; zone = "files"; } ); },
		  { primary = "bücher.example"; zone = "dns"; mail_host = "mail";
		    mailboxes = ( { local = "anna"; } ); domains = ( { name = "getbuecher.example"; } ); }
		);
	CFG
} >"$cfg"

untouched() {
	equal "$(tell count)" 0 && equal "$(find "$work/zones" "$work/mail" -type f 2>/dev/null | wc -l)" "${1:-0}"
}

refused() { # ARGUMENT...
	run 77 "$@" && one_line "$err" && has "$err" 'primary domain' && untouched "$files"
}

files=0
mail=mail.northwind.example
for spelling in "$mail" MAIL.NorthWind.EXAMPLE "$mail." "sub.$mail" "a.b.SUB.$mail." northwind.example NorthWind.example.; do
	pass "provision: $spelling as a domain is refused" refused provision "$mail" "$spelling" --yes
	pass "provision --dry-run: $spelling as a domain is refused" refused provision "$mail" "$spelling" --dry-run
	pass "teardown: $spelling is refused" refused teardown "$spelling" --yes
	pass "teardown --now: $spelling is refused" refused teardown "$spelling" --yes --now --reason 'test'
	pass "keys rotate: $spelling is refused" refused keys rotate "$spelling" --yes
done
for spelling in bücher.example BÜCHER.example. xn--bcher-kva.example XN--BCHER-KVA.example www.bücher.example; do
	pass "provision: $spelling as a domain is refused" refused provision bücher.example "$spelling" --yes
	pass "another tenant's primary: $spelling is refused" refused provision "$mail" "$spelling" --yes
	pass "teardown: $spelling is refused" refused teardown "$spelling" --yes --now --reason 'test'
	pass "keys rotate: $spelling is refused" refused keys rotate "$spelling" --yes
done

# The names that one keyboard cannot tell apart: the ideographic full stop is a dot in a name (UTS 46).
pass "a name with an ideographic full stop is the same name" refused teardown 'mail.northwind。example' --yes

configured() { # DOMAIN
	sed "s/getnorthwind\.example/$1/" "$cfg" >"$work/bad.cfg"
	"$program" -c "$work/bad.cfg" provision "$mail" --yes >"$out" 2>"$err" </dev/null
	case $? in
	77 | 78) ;;
	*) why="$(said)"; return 1 ;;
	esac
	has "$err" 'primary' && untouched "$files"
}
for spelling in "$mail" "sub.$mail" northwind.example MAIL.Northwind.Example. xn--bcher-kva.example; do
	pass "$spelling among the configured domains stops the run" configured "$spelling"
done

# With a store and a working domain beside it, the same.
rm -rf "$work/store.db"* "$work/mail"
pass "a domain in zone files is provisioned" run 0 provision "$mail" trynorthwind.example --yes
files=$(find "$work/zones" "$work/mail" -type f | wc -l)
snapshot() {
	find "$work/zones" "$work/mail" -type f -exec sha256sum {} + | sort | sha256sum
}
before=$(snapshot)
pass "then a teardown of the primary is refused" refused teardown "$mail" --yes --now --reason 'test'
pass "and a rotation of its keys" refused keys rotate "$mail" --yes
pass "and thawing it as a domain" run 77 thaw sub.mail.northwind.example --reason 'test'
pass "and freezing a part of it" run 77 freeze sub.mail.northwind.example --reason 'test'
for from in "ceo@$mail" "CEO@MAIL.Northwind.Example" "anna@sub.$mail" anna@bücher.example anna@xn--bcher-kva.example; do
	pass "the gate refuses $from" run 77 check "$from" --to li@fabrikam.example
done
pass "not a byte has changed" equal "$(snapshot)" "$before"
pass "and no provider was called" equal "$(tell count)" 0
# Else the count would say nothing.
counts() {
	run 75 provision "$mail" getnorthwind.example --dry-run && has <(tell count) '^[1-9]'
}
pass "a domain that may be touched calls it, and is counted" counts
finish
