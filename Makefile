# KV Transition. `make help` lists what can be made.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build
MAKEFLAGS += --no-builtin-rules
export LC_ALL := C

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
DESTDIR ?=

# SAN=1 builds everything a second time, with sanitizers, beside the plain build.
ifdef SAN
BUILD := build/san
BIN := build/san/bin
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else
BUILD := build
BIN := bin
SANITIZE :=
endif

OPT ?= -O2
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(WERROR),-Werror)
CFLAGS ?=
ALL_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE $(OPT) -g $(WARN) $(SANITIZE) -Isrc -pthread $(CFLAGS)
LDLIBS_ALL := -ljansson -lpcre2-8 -lutf8proc -lcurl -lmicrohttpd -lpthread -lm

# What is built is one line each; VERBOSE=1 shows the commands.
ifdef VERBOSE
quiet =
else
quiet = @printf '  %-6s %s\n' $(1) $@;
endif

ROOMS := core stream config text token dataset http stat study render engine
PROGRAMS := kvt-bin kvt-infer kvt-score kvt-stats kvt-transition kvt-render kvt-import kvt-serve kvt-lint

# Each program links its own rooms, highest first, and only the libraries they need.
ROOMS_kvt-bin := config dataset token http stream core
LIBS_kvt-bin := -ljansson -lpcre2-8 -lutf8proc -lcurl -lm
ROOMS_kvt-infer := config http stream core
LIBS_kvt-infer := -lcurl -ljansson -lm
ROOMS_kvt-score := config text stream core
LIBS_kvt-score := -ljansson -lpcre2-8 -lm
ROOMS_kvt-stats := study config stat stream core
LIBS_kvt-stats := -ljansson -lm
ROOMS_kvt-transition := study config stat stream core
LIBS_kvt-transition := -ljansson -lm
ROOMS_kvt-render := config render stream core
LIBS_kvt-render := -ljansson -lm
ROOMS_kvt-import := config text dataset stream core
LIBS_kvt-import := -ljansson -lpcre2-8 -lm
ROOMS_kvt-serve := engine token stream core
LIBS_kvt-serve := -lmicrohttpd -ljansson -lpcre2-8 -lutf8proc -lpthread -lm
ROOMS_kvt-lint := config stream core
LIBS_kvt-lint := -ljansson -lm

# The engine's inner loops: products and sums may fuse, nothing may be reordered.
KERNEL_FLAGS := -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math
$(foreach set,baseline avx2 avx512,$(eval CFLAGS_engine/kernels_$(set) := $(KERNEL_FLAGS)))

EXISTING := $(foreach p,$(PROGRAMS),$(if $(wildcard src/$(p).c),$(p)))
UNIT_TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
HELPERS := $(patsubst test/helpers/%.c,%,$(wildcard test/helpers/*.c))
PRELOADS := $(patsubst test/preload/%.c,%,$(wildcard test/preload/*.c))

.PHONY: build help
build: $(addprefix $(BIN)/,$(EXISTING)) ## every program, into bin/

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort -u | expand -t 18

define room_rules
OBJECTS_$(1) := $$(patsubst src/%.c,$(BUILD)/%.o,$$(sort $$(wildcard src/$(1)/*.c)))
$(BUILD)/lib$(1).a: $$(OBJECTS_$(1))
	@rm -f $$@
	$$(call quiet,ar)ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rules,$(room))))

$(BUILD)/%.o: src/%.c | directories
	$(call quiet,cc)$(CC) $(ALL_CFLAGS) $(CFLAGS_$*) -MMD -MP -c -o $@ $<

define program_rules
$(BIN)/$(1): $(BUILD)/$(1).o $(foreach room,$(ROOMS_$(1)),$(BUILD)/lib$(room).a) | directories
	$$(call quiet,link)$(CC) $(ALL_CFLAGS) -o $$@ $$^ $$(LIBS_$(1))
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rules,$(program))))

# Unit tests and test helpers may use any room.
ALL_ROOM_LIBS := $(foreach room,engine render study config text dataset token http stat stream core,$(BUILD)/lib$(room).a)
$(BUILD)/test/%: test/unit/%.c test/unit/tap.h $(ALL_ROOM_LIBS) | directories
	$(call quiet,test)$(CC) $(ALL_CFLAGS) -Itest/unit -MMD -MP -MF $@.d -o $@ $< $(ALL_ROOM_LIBS) $(LDLIBS_ALL)
$(BUILD)/helpers/%: test/helpers/%.c $(ALL_ROOM_LIBS) | directories
	$(call quiet,test)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(ALL_ROOM_LIBS) $(LDLIBS_ALL)
# Stand-ins for calls of the C library, for LD_PRELOAD; never sanitized, they are loaded before the sanitizer.
$(BUILD)/preload/%.so: test/preload/%.c | directories
	$(call quiet,test)$(CC) -std=c11 -D_DEFAULT_SOURCE -O2 -g -Wall -Wextra -Wpedantic -Wshadow -Wconversion -fPIC -shared -o $@ $<

.PHONY: directories
directories:
	@mkdir -p $(BIN) $(BUILD)/test $(BUILD)/helpers $(BUILD)/preload $(addprefix $(BUILD)/,$(ROOMS))

-include $(wildcard $(BUILD)/*.d $(BUILD)/*/*.d)

.PHONY: unit test test-programs bless parity clean
# $(CURDIR), not $(abspath): the folder's name may hold spaces.
TEST_ENV := KVT_BIN="$(CURDIR)/$(BIN)" KVT_BUILD="$(CURDIR)/$(BUILD)"
UNIT_PROGRAMS := $(addprefix $(BUILD)/test/,$(UNIT_TESTS))

test-programs: $(UNIT_PROGRAMS) $(addprefix $(BUILD)/helpers/,$(HELPERS)) $(PRELOADS:%=$(BUILD)/preload/%.so)

unit: test-programs ## unit tests of the rooms
	$(TEST_ENV) prove --exec '' $(UNIT_PROGRAMS)

test: build test-programs ## the whole suite, under ten minutes on two cores
	$(TEST_ENV) prove --timer --exec '' $(UNIT_PROGRAMS)
	$(TEST_ENV) prove --timer --exec bash $(sort $(wildcard test/*.t))

bless: build test-programs ## rewrite golden files from what the programs print now; read the diff
	KVT_BLESS=1 $(TEST_ENV) prove --exec bash $(sort $(wildcard test/*.t))
	git --no-pager diff --stat -- test/golden

# Published predictions, tokenizer vectors and golden runs made by others; PARITY names their folder.
PARITY ?=
parity: build test-programs ## compare with reference data under PARITY=DIR; skips what is absent
	$(TEST_ENV) PARITY="$(PARITY)" prove --verbose --exec bash $(sort $(wildcard test/parity/*))

# Hostile answers, golds, tables and lists against the text room, by clang's fuzzer.
FUZZ_SECONDS ?= 60
FUZZ_SOURCES := test/fuzz/score.c $(foreach room,text stream core,$(wildcard src/$(room)/*.c)) src/config/schema.c
$(BUILD)/fuzz-score: $(FUZZ_SOURCES) $(wildcard src/*/*.h) | directories
	$(call quiet,fuzz)clang $(ALL_CFLAGS) -O1 -fsanitize=fuzzer,address,undefined -o $@ $(FUZZ_SOURCES) -ljansson -lpcre2-8 -lm
.PHONY: fuzz
fuzz: $(BUILD)/fuzz-score ## the scorer against hostile input for FUZZ_SECONDS=60
	cd $(BUILD) && ./fuzz-score -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -verbosity=0

# A folder of published predictions as one table: make audit PRED=FOLDER [AUDIT=--format=kvpress]
PRED ?=
AUDIT ?=
.PHONY: audit
audit: build ## published predictions under PRED=DIR: means reproduced, loss, churn, no-ops, repeated rows
	@KVT_BIN=$(abspath $(BIN)) scripts/audit $(AUDIT) "$(PRED)"

.PHONY: bench-infer
bench-infer: build test-programs ## kvt-infer beside wrk on one server: rate, CPU per event, time to first token
	@$(TEST_ENV) scripts/bench-infer

.PHONY: bench-score
bench-score: build ## kvt-score beside the same rules in plain Python and `jq -c .`, on the same lines
	@$(TEST_ENV) scripts/bench-score

# Reference libraries are looked for in $BENCH_MODULES/node_modules.
TOKENIZER ?= test/golden/tokens/llama3.json
.PHONY: bench-tokens
bench-tokens: test-programs ## token counting beside the reference libraries: TOKENIZER=tokenizer.json
	$(TEST_ENV) scripts/bench-tokens $(TOKENIZER)

clean: ## remove what was built (never runs/)
	rm -rf bin build

.PHONY: defaults
defaults: $(BIN)/kvt-lint ## rewrite config/default.json from the settings table
	$(BIN)/kvt-lint --defaults > config/default.json

# What building, running and testing take, by Debian's names. `deps-dev` adds what lint and benchmarks take.
DEPS := gcc make libc6-dev libcurl4-openssl-dev libjansson-dev libpcre2-dev libmicrohttpd-dev libutf8proc-dev \
	sqlite3 gnuplot-nox fonts-dejavu-core perl curl jq git unzip procps ca-certificates
DEPS_DEV := clang clang-format cppcheck shellcheck valgrind mandoc wrk python3 libclang-rt-14-dev
.PHONY: deps deps-dev
deps: ## install what building, running and testing take (Debian packages)
	@scripts/install-packages $(DEPS)
deps-dev: deps ## and what lint, sanitizers and benchmarks take
	@scripts/install-packages $(DEPS_DEV)
# `make -j deps experiment`: nothing is compiled before the packages are there.
ifneq ($(filter deps deps-dev,$(MAKECMDGOALS)),)
directories: | $(filter deps deps-dev,$(MAKECMDGOALS))
endif

.PHONY: lint format install
# Generated tables are as their generator wrote them.
C_FILES = $(filter-out %_table.c %_table.h,$(shell git ls-files '*.c' '*.h'))
SHELL_FILES = $(shell git ls-files scripts .ci test/lib.sh | xargs grep -lE '^\#!/bin/(ba)?sh')
lint: ## no large files, clang-format, cppcheck, shellcheck, man pages, both compilers with -Werror
	@git ls-files -z | xargs -0 stat -c '%s %n' | awk '$$1 > 2000000 { print "lint: more than 2 MB in the tree:", $$2; bad = 1 } END { exit bad }'
	clang-format --dry-run --Werror $(C_FILES)
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability --library=scripts/cppcheck.cfg -Isrc src
	shellcheck --severity=warning $(SHELL_FILES)
	shellcheck --severity=warning --exclude=SC2154 $(wildcard test/*.t test/parity/* test/long/*) # lib.sh sets variables
	for page in src/*.[15]; do mandoc -T lint -W warning "$$page"; done
	for compiler in gcc clang; do \
	    for file in $$(git ls-files 'src/*.c' 'test/*.c'); do \
	        $$compiler $(ALL_CFLAGS) -Werror -Itest/unit -c -o /dev/null $$file; done; done

format: ## clang-format every source in place
	clang-format -i $(C_FILES)

install: build ## into $(DESTDIR)$(PREFIX)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/man/man5"
	install -m 755 $(addprefix $(BIN)/,$(EXISTING)) "$(DESTDIR)$(PREFIX)/bin"
	install -m 644 $(wildcard src/*.1) "$(DESTDIR)$(PREFIX)/share/man/man1"
	install -m 644 $(wildcard src/*.5) "$(DESTDIR)$(PREFIX)/share/man/man5"

include scripts/pipeline.mk
-include scripts/calibrate.mk
