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

ROOMS := core stream config text token http stat render engine
PROGRAMS := kvt-bin kvt-infer kvt-score kvt-stats kvt-transition kvt-render kvt-import kvt-serve kvt-lint

# Each program links its own rooms, highest first, and only the libraries they need.
ROOMS_kvt-bin := config token http stream core
LIBS_kvt-bin := -ljansson -lpcre2-8 -lutf8proc -lcurl -lm
ROOMS_kvt-infer := config http stream core
LIBS_kvt-infer := -lcurl -ljansson -lm
ROOMS_kvt-score := config text stream core
LIBS_kvt-score := -ljansson -lpcre2-8 -lm
ROOMS_kvt-stats := config stat stream core
LIBS_kvt-stats := -ljansson -lm
ROOMS_kvt-transition := config stat stream core
LIBS_kvt-transition := -ljansson -lm
ROOMS_kvt-render := config render stat stream core
LIBS_kvt-render := -ljansson -lm
ROOMS_kvt-import := config text stream core
LIBS_kvt-import := -ljansson -lpcre2-8 -lm
ROOMS_kvt-serve := engine token stream core
LIBS_kvt-serve := -lmicrohttpd -ljansson -lpcre2-8 -lutf8proc -lpthread -lm
ROOMS_kvt-lint := config stream core
LIBS_kvt-lint := -ljansson -lm

EXISTING := $(foreach p,$(PROGRAMS),$(if $(wildcard src/$(p).c),$(p)))
UNIT_TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
HELPERS := $(patsubst test/helpers/%.c,%,$(wildcard test/helpers/*.c))

.PHONY: build help
build: $(addprefix $(BIN)/,$(EXISTING)) ## every program, into bin/

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort -u | expand -t 18

define room_rules
OBJECTS_$(1) := $$(patsubst src/%.c,$(BUILD)/%.o,$$(sort $$(wildcard src/$(1)/*.c)))
$(BUILD)/lib$(1).a: $$(OBJECTS_$(1))
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rules,$(room))))

$(BUILD)/%.o: src/%.c | directories
	$(CC) $(ALL_CFLAGS) $(CFLAGS_$*) -MMD -MP -c -o $@ $<

define program_rules
$(BIN)/$(1): $(BUILD)/$(1).o $(foreach room,$(ROOMS_$(1)),$(BUILD)/lib$(room).a) | directories
	$(CC) $(ALL_CFLAGS) -o $$@ $$^ $$(LIBS_$(1))
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rules,$(program))))

# Unit tests and test helpers may use any room.
ALL_ROOM_LIBS := $(foreach room,engine render config text token http stat stream core,$(BUILD)/lib$(room).a)
$(BUILD)/test/%: test/unit/%.c test/unit/tap.h $(ALL_ROOM_LIBS) | directories
	$(CC) $(ALL_CFLAGS) -Itest/unit -MMD -MP -MF $@.d -o $@ $< $(ALL_ROOM_LIBS) $(LDLIBS_ALL)
$(BUILD)/helpers/%: test/helpers/%.c $(ALL_ROOM_LIBS) | directories
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(ALL_ROOM_LIBS) $(LDLIBS_ALL)

.PHONY: directories
directories:
	@mkdir -p $(BIN) $(BUILD)/test $(BUILD)/helpers $(addprefix $(BUILD)/,$(ROOMS))

-include $(wildcard $(BUILD)/*.d $(BUILD)/*/*.d)

.PHONY: unit test-programs clean
test-programs: $(addprefix $(BUILD)/test/,$(UNIT_TESTS)) $(addprefix $(BUILD)/helpers/,$(HELPERS))

unit: test-programs ## unit tests of the rooms
	prove --exec '' $(addprefix $(BUILD)/test/,$(UNIT_TESTS))

test: build test-programs ## the whole suite
	KVT_BIN=$(abspath $(BIN)) KVT_BUILD=$(abspath $(BUILD)) prove --exec '' $(addprefix $(BUILD)/test/,$(UNIT_TESTS))
	KVT_BIN=$(abspath $(BIN)) KVT_BUILD=$(abspath $(BUILD)) prove test/*.t

clean: ## remove what was built (never runs/)
	rm -rf bin build

.PHONY: defaults
defaults: $(BIN)/kvt-lint ## rewrite config/default.json from the settings table
	$(BIN)/kvt-lint --defaults > config/default.json
