#!/bin/bash
# The gate as a library, installed into a directory: what it exports and needs, the manual's example built against it, shared and
# static, and run beside the program on one store.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pkg-config gcc nm readelf make

top=${e2e_lib%/tests/lib}
mode=$(basename "$(dirname "$program")")
prefix=$work/root/usr/local
lib=$prefix/lib/libcoldrelay-gate
# As somebody who has never seen this tree would.
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

make -s --no-print-directory -C "$top" MODE="$mode" PREFIX=/usr/local DESTDIR="$work/root" install-lib >"$out" 2>"$err" ||
	{ not_ok "the library installs" "$(said)"; exit 1; }

public() { # the functions of the header
	grep -oE 'coldrelay_gate_[a-z_]+\(' "$prefix/include/coldrelay/gate.h" | tr -d '(' | sort -u
}

versioned() { # the same, with the node in which the list of exports has them
	public | while read -r function; do
		awk -v f="$function;" '/{$/ { node = $1 } $1 == f { print substr(f, 1, length(f) - 1) "@@" node }' "$top/library/coldrelay-gate.map"
	done
}

exports_only_the_header() {
	equal "$(versioned | wc -l)" "$(public | wc -l)" || return 1
	equal "$(nm -D --defined-only "$lib.so" | awk '$2 != "A" { print $3 }' | sort)" "$(versioned)" || return 1
	equal "$(nm -g --defined-only "$lib.a" | awk 'NF == 3 { print $3 }' | sort)" "$(public)"
}

has_a_soname() {
	readelf -d "$lib.so" >"$out"
	has "$out" 'SONAME.*\[libcoldrelay-gate\.so\.1\]' && [ -e "$lib.so.1" ]
}

# Linked, so that whoever embeds it sees what it needs; and what only provisioning needs stays out.
needs_only_the_gate() {
	readelf -d "$lib.so" >"$out"
	lacks "$out" 'lib(curl|cjson|ldns|crypto|ssl|smartcols)' && has "$out" 'NEEDED.*libsqlite3' && has "$out" 'NEEDED.*libsodium'
}

# Neither by itself nor by accident: what would end the process, or change it under its owner.
is_a_quiet_guest() {
	nm -D --undefined-only "$lib.so" | awk '{ print $2 }' | sed 's/@.*//' >"$out"
	lacks "$out" '^(_?exit|_Exit|abort|signal|sigaction|setlocale|setenv|putenv|unsetenv|printf|puts|putchar|fork|system|umask|chdir)$'
}

cat >"$work/cxx.cc" <<'CXX'
#include <coldrelay/gate.h>
int main()
{
	coldrelay_gate_request r = COLDRELAY_GATE_REQUEST_INIT;
	coldrelay_gate_answer a = COLDRELAY_GATE_ANSWER_INIT;
	coldrelay_gate_limits l = COLDRELAY_GATE_LIMITS_INIT;
	coldrelay_gate_options o = COLDRELAY_GATE_OPTIONS_INIT;
	coldrelay_gate *gate;
	char error[64];
	o.limits = &l; /* without a store: refused */
	if (coldrelay_gate_open(&o, &gate, error, sizeof error) != COLDRELAY_GATE_EUSAGE || gate != nullptr)
		return 1;
	return coldrelay_gate_ask(gate, &r, &a, error, sizeof error) == COLDRELAY_GATE_EUSAGE ? 0 : 1;
}
CXX

sed -n '/^\.\\" example begins/,/^\.\\" example ends/p' "$top/man/coldrelay-gate.3" | grep -v '^\.' | sed 's/\\e/\\/g' >"$work/example.c"

# build OUTPUT STATIC SOURCE COMPILER...: strictly, as the most careful of users would.
build() {
	local output=$1 static=$2 source=$3 flags
	shift 3
	flags=$(pkg-config --define-prefix --cflags --libs ${static:+--static} coldrelay-gate) || return 1
	[ -z "$static" ] || flags=${flags/-lcoldrelay-gate/-l:libcoldrelay-gate.a}
	# shellcheck disable=SC2086 # flags are words
	"$@" -Wall -Wextra -Wpedantic -Werror -o "$output" "$source" $flags >"$out" 2>"$err" || { why=$(said); return 1; }
}

compiles_as_cxx() {
	build "$work/cxx" '' "$work/cxx.cc" g++ -std=c++11 && LD_LIBRARY_PATH=$prefix/lib "$work/cxx"
}

store_is_made() {
	{
		cfg_head
		echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.example.net" ]; } );'
		cfg_tenant northwind.example '' getnorthwind.example
	} >"$cfg"
	mkdir "$work/zones"
	run 0 provision northwind.example --yes
}

anna=anna@getnorthwind.example
# example KIND WANT RECIPIENT ID [MAILBOX]
example() {
	local rc
	LD_LIBRARY_PATH=$prefix/lib "$work/$1" "$cfg" "${5:-$anna}" "$3" "$4" >"$out" 2>"$err"
	rc=$?
	[ "$rc" = "$2" ] || { why="exit $rc, not $2: $(said)"; return 1; }
}

example_agrees_with_the_program() { # KIND
	example "$1" 0 li@fabrikam.example "<$1@x>" && has "$out" '^allowed' &&
		example "$1" 77 li@fabrikam.example "<$1@x>" ceo@northwind.example
}
example_reports_a_bad_address() { # KIND
	example "$1" 75 'no one' "<$1@x>" && one_line "$err"
}

program_and_library_share_the_budget() {
	run 0 check "$anna" --to li@fabrikam.example && run 0 check "$anna" --to sam@contoso.example || return 1
	example shared 75 kim@adatum.example '<k@x>' && has "$out" 'no outbound token left' || return 1
	run 0 freeze getnorthwind.example --reason test && example static 77 kim@adatum.example '<k@x>'
}

pass "the header's functions are exported, versioned, and nothing else is" exports_only_the_header
pass "the shared library has a soname" has_a_soname
pass "the library needs nothing of what only provisioning needs" needs_only_the_gate
pass "the library calls nothing that ends or changes its process" is_a_quiet_guest
pass "pkg-config tells the program's version" equal "coldrelay $(pkg-config --modversion coldrelay-gate)" "$("$program" version)"
pass "the header is clean C++" compiles_as_cxx
pass "the manual's example builds against the shared library" build "$work/shared" '' "$work/example.c" gcc -std=c99
pass "the manual's example builds against the static library" build "$work/static" static "$work/example.c" gcc -std=c99
readelf -d "$work/static" >"$work/static.needs" 2>&1
pass "the static one does not ask for the shared one" lacks "$work/static.needs" coldrelay
pass "a store is made by the program" store_is_made
for kind in shared static; do
	pass "the $kind example is answered by the store" example_agrees_with_the_program "$kind"
	pass "the $kind example is told of an address that cannot be read" example_reports_a_bad_address "$kind"
done
pass "program and library share one budget, and a freeze binds both" program_and_library_share_the_budget
finish
