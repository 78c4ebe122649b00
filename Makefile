# coldrelay - one Makefile.  `make help` lists the targets.
MODE   ?= debug
PREFIX ?= /usr/local
V      ?= 0
B      := build/$(MODE)
Q      := $(if $(filter 1,$(V)),,@)

# The sanitizer of threads is only for where there are threads on one store: the gate, its daemon, the library.
ROOMS  := core dns budget library $(if $(filter tsan,$(MODE)),,dns/zones templates provision provision/mailhosts \
          provision/registrars provision/addresses)
SRC    := $(foreach r,$(ROOMS),$(wildcard $(r)/*.c))
LIBOBJ := $(SRC:%.c=$(B)/%.o)
TESTS  := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/core/test_*.c tests/dns/test_*.c tests/templates/test_*.c \
          tests/budget/test_*.c tests/provision/test_*.c tests/library/test_*.c tests/contract/test_*.c))
TSAN   := $(B)/tests/library/test_gate $(B)/tests/budget/test_daemon $(B)/tests/budget/test_daemon_sync
FUZZ   := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH  := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/bench/*.c))
BLIB   := $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/lib/*.c))
# The ground of provisioning is not built where provisioning is not.
TLIB   := $(patsubst %.c,$(B)/%.o,$(filter-out $(if $(filter tsan,$(MODE)),tests/lib/golden.c tests/lib/ground.c tests/lib/provider.c),$(wildcard tests/lib/*.c)))
# The main of a fuzz target: a replay of files, or libFuzzer's own.
FMAIN  := $(if $(filter fuzz,$(MODE)),,$(B)/tests/fuzz/lib/fuzz_main.o)
FUZZ_SECONDS ?= 60
# LAZY: their headers alone; the program loads them when it needs them (core/lazy.h).
LAZY   := libpq libcurl libcjson libsodium libconfig sqlite3 libidn2 libpsl libcrypto smartcols libxml-2.0
# The gate as a library is linked to what it needs: a program that embeds it should see that.  DOORS are compiled for it once more.
GATE_PARTS := libsodium libconfig sqlite3 libidn2 libpsl
DOORS  := core/cfg.c core/cfg_rows.c core/db_args.c core/db_index.c core/db_log.c core/db_pages.c $(wildcard core/db_sqlite*.c) \
          core/lazy_sqlite.c core/secret.c dns/name.c dns/organisation.c

ifeq ($(origin CC),default)
CC     := $(if $(filter fuzz,$(MODE)),clang,gcc)
endif
WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
          -Wold-style-definition -Wwrite-strings -Wcast-qual -Wpointer-arith -Wundef -Wvla -Wformat=2 -Wswitch-enum \
          -Wnull-dereference -Wimplicit-fallthrough -Werror
CFLAGS_debug   := -Og -g
# Whoever builds to use it may have another compiler, with warnings of its own: these do not stop a release.
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -Wno-error
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# What gcc 12 takes for uninitialised there is the trace of its own calls to the sanitizer.
CFLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer -Wno-maybe-uninitialized -Wno-tsan
CFLAGS_cov     := -O0 -g --coverage
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_cov     := --coverage
LDFLAGS_fuzz    := -fsanitize=address,undefined
PKGCFLAGS = $(shell pkg-config --cflags $(LAZY) 2>/dev/null | sed 's/-I/-isystem /g')
# One set of objects for program and library: hidden, a call costs in position-independent code what it costs elsewhere.
# Not tests, which may stand in for a function of the C library.
PIC        = -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections
$(B)/tests/%.o: PIC := -fPIE
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -pthread $(WARN) -fno-common -fstack-protector-strong $(PIC) $(CFLAGS_$(MODE)) \
             -I. -include core/banned.h $(PKGCFLAGS) $(CFLAGS)
LIBS       = -pthread
# Tests play the other side too.
TESTLIBS   = -lcmocka -lssl -lcrypto -lsodium
DATADIR   ?= $(PREFIX)/share/coldrelay
UNITDIR   ?= $(PREFIX)/lib/systemd/system
LIBDIR    ?= $(PREFIX)/lib
VERSION   := $(shell sed -n 's/^\#define COLDRELAY_VERSION "\(.*\)"/\1/p' core/version.h)
SONAME    := libcoldrelay-gate.so.1

# The small door is linked without shared objects, which sanitizers cannot be.
# Each page that it touches is a fault of its start, so the linker drops what nobody calls and packs the rest, what a check runs first
# (front.ld), and the addresses are final: of a program that can lie anywhere, every page with a pointer in it is written before main.
# It warns of SQLite's extensions, which would need shared objects at run time and are never loaded.
FRONTFLAGS := -static -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-T,front.ld -Wl,--no-warnings
FRONT  := $(if $(filter debug release,$(MODE)),$(B)/bin/coldrelay)

all: $(B)/coldrelay $(FRONT) ## build the program (MODE=debug|release|asan|tsan|cov|fuzz)

$(B)/coldrelay: $(B)/main.o $(B)/libcoldrelay.a
	$(Q)echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/front_main.o: main.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -Dmain=program_main -Wno-missing-prototypes -MMD -MP -c -o $@ $<

# Beside it what it becomes, as `make install` lays them out.  And copied, as there: a file that a linker has written here and there lies
# in memory in small pieces, and a start maps each of them.
$(B)/bin/coldrelay: $(B)/front.o $(B)/front_main.o $(B)/libcoldrelay.a front.ld | $(B)/coldrelay
	$(Q)echo "  LD    $@"
	$(Q)mkdir -p $(B)/bin $(B)/libexec/coldrelay
	$(Q)ln -sf ../../coldrelay $(B)/libexec/coldrelay/coldrelay
	$(Q)$(CC) $(filter-out -pie,$(LDFLAGS_$(MODE))) $(LDFLAGS) $(FRONTFLAGS) -o $@.linked $(filter-out front.ld,$^) -lconfig -lsqlite3 -lsodium -lpsl -lidn2 -lunistring -lm -pthread
	$(Q)install -m 755 $@.linked $@ && rm $@.linked

$(B)/libcoldrelay.a: $(LIBOBJ)
	$(Q)rm -f $@; ar rcs $@ $^

lib: $(B)/$(SONAME) $(B)/libcoldrelay-gate.a $(B)/coldrelay-gate.pc ## the gate as a library, shared and static

# What the library is taken from: the linker picks what the public functions need, and nothing else.
LINKED  := $(DOORS:%.c=$(B)/linked/%.o)
GATEOBJ := $(filter-out $(DOORS:%.c=$(B)/%.o),$(filter $(B)/core/% $(B)/dns/% $(B)/budget/% $(B)/library/%,$(LIBOBJ)))
PUBLIC  := $(shell sed -n 's/^\t\(coldrelay_gate_.*\);/\1/p' library/coldrelay-gate.map)

$(B)/libgate.a: $(GATEOBJ) $(LINKED)
	$(Q)rm -f $@; ar rcs $@ $^

$(B)/linked/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DLAZY_LINKED -MMD -MP -c -o $@ $<

# Unless a sanitizer adds its own, every symbol has to be found.
$(B)/$(SONAME): $(B)/libgate.a library/coldrelay-gate.map
	$(Q)echo "  LD    $@"
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=library/coldrelay-gate.map -Wl,--gc-sections \
	  -Wl,-z,relro,-z,now $(if $(findstring sanitize,$(LDFLAGS_$(MODE))),,-Wl,-z,defs) $(filter-out -pie,$(LDFLAGS_$(MODE))) \
	  $(LDFLAGS) -o $@ $(PUBLIC:%=-Wl,-u,%) $< -Wl,--as-needed $(shell pkg-config --libs $(GATE_PARTS)) -pthread

# One object, in which only the public names are left global.
$(B)/libcoldrelay-gate.a: $(B)/libgate.a library/coldrelay-gate.map
	$(Q)$(CC) -r -nostdlib -Wl,--gc-sections $(PUBLIC:%=-Wl,-u,%) -o $(B)/coldrelay-gate.o $<
	$(Q)objcopy $(PUBLIC:%=--keep-global-symbol=%) $(B)/coldrelay-gate.o
	$(Q)rm -f $@; ar rcs $@ $(B)/coldrelay-gate.o

# Every time: PREFIX and LIBDIR may be others than the last time.
$(B)/coldrelay-gate.pc: library/coldrelay-gate.pc.in always
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@PARTS@|$(GATE_PARTS)|' \
	  -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' $< >$@

$(B)/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(filter 1,$(V)),,echo "  CC    $<";) $(CC) $(CFLAGS_ALL) -DDATADIR='"$(DATADIR)"' -MMD -MP -c -o $@ $<

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FMAIN) $(TLIB) $(B)/libcoldrelay.a
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(if $(FMAIN),,-fsanitize=fuzzer) $(LDFLAGS) -o $@ $^ $(TESTLIBS) $(LIBS)

$(B)/tests/%: $(B)/tests/%.o $(TLIB) $(B)/libcoldrelay.a
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $@ $^ $(TESTLIBS) $(LIBS)

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(BLIB) $(B)/libcoldrelay.a
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $@ $^ $(LIBS)

# Whose allocations fail one after the other.
comma := ,
$(B)/tests/dns/test_spf_memory: LDFLAGS += $(foreach f,malloc calloc realloc reallocarray strdup strndup,-Wl$(comma)--wrap=$(f))
$(B)/tests/core/test_bloom $(B)/tests/budget/test_homes: LDFLAGS += -Wl,--wrap=calloc
# Whose disk is as large as it says.
$(B)/tests/core/test_db_stretch: LDFLAGS += -Wl,--wrap=statvfs

# What bench_start.sh compares with: no more than it needs, and copied as the program is.
START  := hello hello_static ask once steps
$(START:%=$(B)/tests/bench/start/%): $(B)/tests/bench/start/%: $(B)/tests/bench/start/%.linked
	$(Q)install -m 755 $< $@
$(B)/tests/bench/start/hello_static.linked: tests/bench/start/hello.c
	$(Q)mkdir -p $(@D); $(CC) -O2 -static -o $@ $<
$(B)/tests/bench/start/%.linked: tests/bench/start/%.c
	$(Q)mkdir -p $(@D); $(CC) -O2 -D_GNU_SOURCE $(if $(filter ask,$*),-static) -o $@ $< $(if $(filter once,$*),-lsqlite3)

# Preloaded by scripts of tests/e2e; never linked into anything.
$(B)/%shim.so: tests/lib/preload/%shim.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC -shared -o $@ $< -ldl

# The assembler includes these (templates/tmpl_builtin.c, budget/reply_builtin.c), which -MMD does not see.
$(B)/templates/tmpl_builtin.o: $(wildcard templates/*.json)
$(B)/budget/reply_builtin.o: templates/replies.rules

-include $(B)/front.d $(B)/front_main.d $(LIBOBJ:.o=.d) $(LINKED:.o=.d) $(TLIB:.o=.d) $(TESTS:=.d) $(FUZZ:=.d) $(BENCH:=.d) $(BLIB:.o=.d) $(FMAIN:.o=.d) $(B)/main.d
.SECONDARY:

deps: ## install the Debian packages that are missing
	$(Q)tests/lib/deps.sh

test: deps ## install what tests need, build, run everything
	$(Q)tests/lib/run.sh all $(MODE)

unit: $(TESTS) ## the unit and contract tests of this MODE
tsan: $(TSAN)
check-unit check-tsan check-fuzz check-e2e:
	$(Q)tests/lib/run.sh $@ $(MODE)
soak: deps all $(B)/killshim.so ## the long form of the proofs: every kill, fault, cut, many schedules (a quarter of an hour)
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay KILL_EVERY=1 tests/e2e/kill_everywhere.sh
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay KILL_EVERY=1 KILL_SECONDS=60 tests/e2e/kill_gate.sh
	$(Q)$(MAKE) -s --no-print-directory MODE=$(MODE) $(B)/tests/budget/test_schedules
	$(Q)COLDRELAY_STEPS=600000 COLDRELAY_SEED=$$(date +%s) $(B)/tests/budget/test_schedules
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay CLOUD_DOMAINS=100 tests/e2e/cloudflare.sh
	$(Q)$(MAKE) -s --no-print-directory MODE=$(MODE) $(B)/tests/dns/test_route53
	$(Q)COLDRELAY_ZONES=30 $(B)/tests/dns/test_route53
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay POWERCUT_STATES=4500 tests/e2e/powercut.sh
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay FAULTS_EVERY=1 tests/e2e/faults_store.sh
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay LOAD_SECONDS=60 tests/e2e/recount.sh
	$(Q)COLDRELAY=$(CURDIR)/$(B)/coldrelay CUT_SECONDS=25 tests/e2e/postgres_cut.sh
	$(Q)MODEL_FULL=1 tests/e2e/model.sh
test-mocks: ## the cloud drivers' requests against the providers' API descriptions, where ../shared has them
	$(Q)tests/lib/mocks.sh $(MODE)
list-tests:
	@printf '%s\n' $(TESTS)
list-tsan:
	@printf '%s\n' $(TSAN)
list-fuzz:
	@printf '%s\n' $(FUZZ)

fuzzers: $(FUZZ)
benches: $(BENCH) $(addprefix $(B)/tests/bench/start/,$(START))
fuzz: deps ## let libFuzzer look for inputs, FUZZ_SECONDS (60) a target
	$(Q)tests/lib/fuzz.sh $(FUZZ_SECONDS)
front-order: ## have what a check by the daemon runs put side by side in the small door (writes front.ld)
	$(Q)tests/lib/front_order.sh
manual: $(B)/tests/core/test_docs ## write the part of the manual that comes from the drivers' rows
	$(Q)COLDRELAY_PROVIDERS=1 $< 2>/dev/null | sed -n '/^\.Bl -tag -width rfc2136/,/^\.El/p' >$(B)/providers.mdoc
	$(Q)sed -i -e "/rows: .make manual/r $(B)/providers.mdoc" \
	  -e '/rows: .make manual/,/End of the rows/{/rows: .make manual/b;/End of the rows/b;d}' man/coldrelay.cfg.5
bench: ## measure, each figure beside its floor
	$(Q)tests/lib/deps.sh --bench
	$(Q)tests/bench/run.sh

quickstart: ## install what is missing, build, show the main job in ./demo
	$(Q)tests/lib/deps.sh --build
	$(Q)$(MAKE) -s --no-print-directory -j$$(nproc) MODE=release all
	$(Q)tests/lib/quickstart.sh

layers: ## name every include that points up
	$(Q)tests/lib/layers.sh

print-cflags: # words, not for a shell to evaluate
	@printf '%s\n' '$(CFLAGS_ALL) -DDATADIR="$(DATADIR)"'

check: deps ## layers, format, clang-tidy, gcc -fanalyzer
	$(Q)tests/lib/check.sh

format: ## clang-format in place
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

install: ## PREFIX, DESTDIR
	$(Q)$(MAKE) --no-print-directory MODE=release all lib
	$(Q)$(MAKE) --no-print-directory MODE=release install-lib
	install -D -m 755 build/release/bin/coldrelay $(DESTDIR)$(PREFIX)/bin/coldrelay
	install -D -m 755 build/release/coldrelay $(DESTDIR)$(PREFIX)/libexec/coldrelay/coldrelay
	install -d $(DESTDIR)$(DATADIR)/templates
	install -m 644 templates/*.json $(DESTDIR)$(DATADIR)/templates/
	install -m 644 templates/replies.rules $(DESTDIR)$(DATADIR)/replies.rules
	install -D -m 644 man/coldrelay.8 $(DESTDIR)$(PREFIX)/share/man/man8/coldrelay.8
	install -D -m 644 man/coldrelay.cfg.5 $(DESTDIR)$(PREFIX)/share/man/man5/coldrelay.cfg.5
	install -D -m 644 man/coldrelay.rules.5 $(DESTDIR)$(PREFIX)/share/man/man5/coldrelay.rules.5
	install -D -m 644 man/coldrelay-sizing.7 $(DESTDIR)$(PREFIX)/share/man/man7/coldrelay-sizing.7
	install -D -m 644 coldrelay.cfg $(DESTDIR)$(PREFIX)/share/doc/coldrelay/coldrelay.cfg
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|' systemd/coldrelay.service >$(DESTDIR)$(UNITDIR)/coldrelay.service
	install -m 644 systemd/coldrelay.socket $(DESTDIR)$(UNITDIR)/coldrelay.socket

install-lib: lib ## only the library of this MODE
	install -d $(DESTDIR)$(PREFIX)/include/coldrelay $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 library/coldrelay/gate.h $(DESTDIR)$(PREFIX)/include/coldrelay/
	install -m 644 $(B)/libcoldrelay-gate.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(B)/$(SONAME) $(DESTDIR)$(LIBDIR)/$(SONAME).$(VERSION)
	ln -sf $(SONAME).$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libcoldrelay-gate.so
	install -m 644 $(B)/coldrelay-gate.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	install -m 644 man/coldrelay-gate.3 $(DESTDIR)$(PREFIX)/share/man/man3/

compile_commands.json: Makefile
	$(Q)bear --output $@ -- $(MAKE) -B all unit >/dev/null

clean: ## remove what was built
	rm -rf build compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: always all lib install-lib tsan list-tsan check-tsan deps test test-mocks unit check-unit check-fuzz check-e2e list-tests list-fuzz print-cflags fuzzers fuzz soak bench quickstart layers check front-order manual format install clean help
