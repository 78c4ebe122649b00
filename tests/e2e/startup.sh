#!/bin/bash
# What a command loads: what it needs, and nothing else.  A library that is needed and cannot be used is told in one line.
# The objects are read from the dynamic linker's own account (LD_DEBUG in ld.so(8)).
# shellcheck disable=SC2317,SC2034 # promises are reached through pass, what may be loaded by its name
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin objdump

domain=getnorthwind.example
mailbox=anna@$domain
{
	cfg_head
	echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
	cfg_tenant northwind.example '' "$domain"
} >"$cfg"
mkdir "$work/zones" "$work/mail"

# The C library, with what preloads and sanitizers bring; what reads a configuration; what a store and its gate need.
base='ld-linux|libc|libm|libgcc_s|libasan|libubsan|libstdc\+\+|libpthread|libdl|linux-vdso'
config="$base|libconfig"
gate="$config|libsodium|libsqlite3|libpsl|libidn2|libunistring"

# loaded WANT ARGUMENT...: run it, and leave the names of what it mapped, one a line, in $work/loaded.
loaded() {
	rm -f "$work"/ld.*
	LD_DEBUG=files LD_DEBUG_OUTPUT=$work/ld run "$@" || return 1
	# Not what it starts: postmap(1) has an account of its own.
	grep -lZ 'initialize program: .*coldrelay$' "$work"/ld.* | xargs -0r sed -n 's/.*calling init: .*\/\([^/]*\)$/\1/p' | sort -u >"$work/loaded"
	has "$work/loaded" '^libc\.so'
}

spare() { # ALLOWED WANT ARGUMENT...
	loaded "${@:2}" && equal "$(grep -Ev "^($1)[-.]" "$work/loaded" | paste -sd' ')" ""
}

pass "a run that makes all there is to make" run 0 provision northwind.example --yes || finish

files_only() {
	loaded 0 provision northwind.example --dry-run && lacks "$work/loaded" '^lib(curl|ldns|pq)\.'
}
pass "a run over files alone loads neither HTTP nor DNS" files_only

while read -r allowed want line; do
	# shellcheck disable=SC2086 # arguments are words
	pass "loads nothing it does not need: $line" spare "${!allowed}" "$want" $line
done <<-COMMANDS
	base 0 version
	base 0 help
	base 0 help check
	base 64 nonsense
	base 64 check nobody
	gate 0 check $mailbox --to someone@customer.example --dry-run
	gate 0 check $mailbox --to someone@customer.example --message-id m1
	gate 0 --json check $mailbox --to someone@customer.example --message-id m1
	gate 77 check nobody@$domain --to someone@customer.example
	gate 0 --json why $mailbox someone@customer.example
	gate 0 suppress add someone@customer.example --tenant northwind.example --reason asked
	gate 77 --json suppress check someone@customer.example
	gate 0 --json suppress list
	gate 0 --json status
	gate 0 freeze $domain --reason test
	gate 0 thaw $domain --reason test
	gate 0 audit verify
COMMANDS

table() {
	loaded 0 status && has "$work/loaded" '^libsmartcols\.'
}
pass "a table loads the library of tables" table

# damaged SONAME: found before the system's, and no library.
damaged() {
	rm -rf "${work:?}/lib" && mkdir "$work/lib" && printf '%200s\n' "no library" >"$work/lib/$1"
}

table_fault() {
	damaged libsmartcols.so.1
	LD_LIBRARY_PATH=$work/lib run 78 status && one_line "$err" &&
		has "$err" '^coldrelay: error: libsmartcols\.so\.1 cannot be loaded: .*: apt-get install --reinstall libsmartcols1$'
}
pass "a library that cannot be used is one line" table_fault

# A port without a server, so that what is missing is met first.
request_fault() {
	damaged libcurl.so.4
	sed 's/driver = "zonefile"; directory = "zones"/driver = "powerdns"; url = "http:\/\/127.0.0.1:9"; api_key = "env:KEY"/' \
		"$cfg" >"$work/http.cfg"
	KEY=k LD_LIBRARY_PATH=$work/lib cfg=$work/http.cfg run 78 provision northwind.example --dry-run &&
		has "$err" 'libcurl\.so\.4 cannot be loaded: .*: apt-get install --reinstall libcurl4$'
}
pass "a request without its library is told like any other fault" request_fault

check_goes_on() {
	damaged libsmartcols.so.1
	LD_LIBRARY_PATH=$work/lib run 77 check "$mailbox" --to someone@customer.example
}
pass "the gate answers without the libraries that it does not need" check_goes_on

# Half a configuration is read without a store.
config_only() {
	spare "$config" 78 check "$mailbox" --to someone@customer.example
}
printf 'store = 1;\n' >"$work/wrong.cfg"
right=$cfg cfg=$work/wrong.cfg
pass "a wrong configuration loads its reader alone" config_only
cfg=$right

# The list of organisations cannot be guessed, so the question is not answered where it is needed: a name of two labels is its own organisation.
no_list() {
	damaged libpsl.so.5
	LD_LIBRARY_PATH=$work/lib run 78 check "$mailbox" --to other@mail.customer.example && one_line "$err" &&
		has "$err" 'libpsl\.so\.5 cannot be loaded' && equal "$(cat "$out")" ""
}
pass "without the list of organisations nothing is allowed" no_list

# The names in the source are those that the headers of this system belong to.
sonames() {
	local soname link real seen=0
	while read -r soname; do
		link=$(cc -print-file-name="${soname%.so.*}.so")
		[ -e "$link" ] || continue
		seen=$((seen + 1))
		real=$(objdump -p "$link" | awk '$1 == "SONAME" { print $2 }')
		equal "$soname" "$real" || return 1
	done < <(grep -rhoE '"lib[a-z0-9_-]+\.so\.[0-9]+"' --include='*.[ch]' core dns templates budget provision | tr -d '"' | sort -u)
	# curl, cJSON, sodium, config, sqlite3, idn2, psl, crypto, smartcols, xml2, pq.
	[ "$seen" -ge 10 ] || { why="only $seen libraries are looked at"; return 1; }
}
cd "$(dirname "$0")/../.." || finish
pass "each library is asked for by the name its headers belong to" sonames

finish
