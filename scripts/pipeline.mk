# One experiment as a graph of files under runs/$(EXP)/.
#
# A stage reruns when its input, its program or the settings it reads changed, and only then: what it
# reads is written to runs/$(EXP)/settings/STAGE.json at every call and replaced only if it differs.
# The journal is no target: nothing here deletes it, and an interrupted run goes on from it.

EXP ?= snapkv
# A name of ours, not a path: files are made from it.
ifneq ($(words $(subst /, ,x$(EXP)))$(filter .%,$(EXP)),1)
$(error EXP names a file of config/ without its .json, not a path; other files by CONFIG=FILE RUN=DIRECTORY)
endif
CONFIG := config/$(EXP).json
RUN := runs/$(EXP)
LINT := $(BIN)/kvt-lint

# Plots and the files they become.
PLOTS := acc_vs_len std_vs_len failrate_vs_len latency_vs_len memory outcomes paired tradeoff
plot_name = $(patsubst %_vs_len,%,$(1))
TABLES := bins pairs outcomes failures transitions runs requests

.PHONY: prepare run score analyze report all experiment
prepare: $(RUN)/manifest.jsonl $(RUN)/manifest.json ## questions -> length-binned entries
run: $(RUN)/responses.jsonl ## entries -> responses, at every budget
score: $(RUN)/scored.jsonl ## responses -> scores and failures
analyze: $(RUN)/stream.jsonl $(RUN)/kv_transition.sqlite $(RUN)/plots.done ## statistics, verdict, database, plots
report: $(RUN)/report.md $(RUN)/summary.json $(RUN)/tables.done ## report, summary, tables
all experiment: prepare run score analyze report ## the whole experiment (EXP=snapkv)
	@$(BIN)/kvt-render brief --run=$(RUN) $(RUN)/stream.jsonl

.PHONY: FORCE
FORCE:

$(CONFIG):
	@echo "make: there is no $(CONFIG); EXP names one of: $$(cd config && ls *.json | grep -v default | sed 's/\.json$$//' | tr '\n' ' ')" >&2; exit 2

$(RUN)/log $(RUN)/settings $(RUN)/plots $(RUN)/tables:
	@mkdir -p $@

# Fixed once per run directory, so that a rerun gives the same bytes.
$(RUN)/created: | $(RUN)/log
	@case "$${SOURCE_DATE_EPOCH:-0}" in *[!0-9]*) \
	    echo "make: SOURCE_DATE_EPOCH is $$SOURCE_DATE_EPOCH; it must be seconds since 1970" >&2; exit 2;; esac
	@echo "$${SOURCE_DATE_EPOCH:-$$(date +%s)}" > $@

stage_env = SOURCE_DATE_EPOCH=$$(cat $(RUN)/created) KVT_GIT_HASH=$$(git rev-parse --short HEAD 2>/dev/null || true)
replace_if_changed = if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi

# MODEL_NAME counts where the settings name no model.
model_of_environment = [ -n "$$($(LINT) -c $(CONFIG) --get=model.name)" ] || printf 'MODEL_NAME %s\n' "$${MODEL_NAME:-}" >> $@.new

# --- settings a stage depends on -------------------------------------------------------------------
# The questions and the tokenizer count by content.
$(RUN)/settings/bin.json: FORCE $(CONFIG) $(LINT) | $(RUN)/settings
	@$(LINT) -c $(CONFIG) --sections=seed,notes,dataset,binning,model,output,kv > $@.new
	@$(model_of_environment)
	@for key in dataset.path model.path model.tokenizer dataset.templates; do \
	    $(LINT) -c $(CONFIG) --get=$$key | while IFS= read -r file; do \
	        case "$$file" in http*) ;; *) [ ! -f "$$file" ] || sha256sum "$$file" >> $@.new;; esac; \
	        beside=$${file%tokenizer.json}tokenizer_config.json; \
	        case "$$file" in */tokenizer.json|tokenizer.json) [ ! -f "$$beside" ] || sha256sum "$$beside" >> $@.new;; esac; done; done
	@$(replace_if_changed)
# Where the answers come from counts, by the server's name and not its port.
$(RUN)/settings/infer.json: FORCE $(CONFIG) $(LINT) | $(RUN)/settings
	@$(LINT) -c $(CONFIG) --sections=seed,model,engine,kv,decoding,output > $@.new
	@$(model_of_environment)
	@case "$${BASE_URL:-}" in '') ;; *) printf '%s\n' "$$BASE_URL" | sed -E 's#^[a-z]+://([^/@]*@)?##; s#[:/].*##' >> $@.new;; esac
	@$(replace_if_changed)
$(RUN)/settings/score.json: FORCE $(CONFIG) $(LINT) | $(RUN)/settings
	@$(LINT) -c $(CONFIG) --sections=scoring > $@.new; $(replace_if_changed)
$(RUN)/settings/stats.json: FORCE $(CONFIG) $(LINT) | $(RUN)/settings
	@$(LINT) -c $(CONFIG) --sections=seed,stats,transition > $@.new; $(replace_if_changed)
$(RUN)/settings/transition.json: FORCE $(CONFIG) $(LINT) | $(RUN)/settings
	@$(LINT) -c $(CONFIG) --sections=seed,stats,transition > $@.new; $(replace_if_changed)

# --- the stages ------------------------------------------------------------------------------------
$(RUN)/manifest.jsonl: $(RUN)/settings/bin.json $(RUN)/created $(BIN)/kvt-bin | $(RUN)/log
	@mapfile -t paths < <($(LINT) -c $(CONFIG) --get=dataset.path); \
	if [ $${#paths[@]} -eq 0 ]; then \
	    task=$$($(LINT) -c $(CONFIG) --get=dataset.task); \
	    paths=(runs/data/longbench/$$task.jsonl); \
	    [ -f "$${paths[0]}" ] || scripts/fetch-longbench "$$task"; \
	fi; \
	$(stage_env) $(BIN)/kvt-bin -c $(CONFIG) "$${paths[@]}" > $@.tmp && mv $@.tmp $@

$(RUN)/manifest.json: $(RUN)/manifest.jsonl $(BIN)/kvt-render
	@$(BIN)/kvt-render manifest $(RUN)/manifest.jsonl > $@.tmp && mv $@.tmp $@

$(RUN)/responses.jsonl: $(RUN)/manifest.jsonl $(RUN)/settings/infer.json $(BIN)/kvt-infer $(BIN)/kvt-serve scripts/run-inference | $(RUN)/log
	@$(stage_env) KVT_BIN=$(BIN) exec scripts/run-inference $(CONFIG) $(RUN) > $@.tmp # make's own child: signals reach it
	@mv $@.tmp $@

$(RUN)/scored.jsonl: $(RUN)/responses.jsonl $(RUN)/settings/score.json $(BIN)/kvt-score
	@$(BIN)/kvt-score -c $(CONFIG) $(RUN)/responses.jsonl > $@.tmp && mv $@.tmp $@

$(RUN)/stats.jsonl: $(RUN)/scored.jsonl $(RUN)/settings/stats.json $(BIN)/kvt-stats
	@$(BIN)/kvt-stats -c $(CONFIG) $(RUN)/scored.jsonl > $@.tmp && mv $@.tmp $@

$(RUN)/stream.jsonl: $(RUN)/stats.jsonl $(RUN)/settings/transition.json $(BIN)/kvt-transition
	@$(BIN)/kvt-transition -c $(CONFIG) $(RUN)/stats.jsonl > $@.tmp && mv $@.tmp $@

# --- what people read ------------------------------------------------------------------------------
$(RUN)/kv_transition.sqlite: $(RUN)/manifest.jsonl $(RUN)/stream.jsonl scripts/import-db scripts/schema.sql scripts/import.sql
	@path=$$($(LINT) -c $(CONFIG) --get=db.path); \
	if [ -z "$$path" ]; then \
	    scripts/import-db --fresh $@ $(RUN)/manifest.jsonl $(RUN)/stream.jsonl; \
	else \
	    scripts/import-db "$$path" $(RUN)/manifest.jsonl $(RUN)/stream.jsonl && ln -sfn "$$(realpath "$$path")" $@; \
	fi; touch $@

define plot_rule
$(RUN)/plots/$(1).png: $(RUN)/stream.jsonl $(BIN)/kvt-render | $(RUN)/plots
	@$(BIN)/kvt-render plot $(call plot_name,$(1)) $(RUN)/stream.jsonl > $(RUN)/plots/$(1).gp
	@cd $(RUN)/plots && LC_ALL=C.UTF-8 gnuplot -e "format='png'; output_file='$(1).png'" $(1).gp
	@cd $(RUN)/plots && LC_ALL=C.UTF-8 gnuplot -e "format='svg'; output_file='$(1).svg'" $(1).gp
endef
$(foreach plot,$(PLOTS),$(eval $(call plot_rule,$(plot))))
$(RUN)/plots.done: $(PLOTS:%=$(RUN)/plots/%.png)
	@touch $@

define table_rule
$(RUN)/tables/$(1).csv: $(RUN)/stream.jsonl $(BIN)/kvt-render | $(RUN)/tables
	@$(BIN)/kvt-render table $(1) $(RUN)/stream.jsonl > $$@.tmp && mv $$@.tmp $$@
endef
$(foreach table,$(TABLES),$(eval $(call table_rule,$(table))))
$(RUN)/tables.done: $(TABLES:%=$(RUN)/tables/%.csv)
	@touch $@

$(RUN)/report.md: $(RUN)/stream.jsonl $(RUN)/plots.done $(BIN)/kvt-render
	@$(BIN)/kvt-render report $(RUN)/stream.jsonl > $@.tmp && mv $@.tmp $@

$(RUN)/summary.json: $(RUN)/stream.jsonl $(BIN)/kvt-render
	@$(BIN)/kvt-render summary $(RUN)/stream.jsonl > $@.tmp && mv $@.tmp $@
