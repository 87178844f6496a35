# Error rates, power and speed of the statistics. Not part of `make test`: an hour on two cores.
SETS ?= 150
calibrate_env = KVT_BIN=$(abspath $(BIN)) KVT_BUILD=$(abspath $(BUILD))

.PHONY: calibrate calibrate-next bench-stats
calibrate: build $(BUILD)/helpers/world ## false claims and power of the verdicts, from planted worlds (SETS=150)
	@mkdir -p test/calibration
	$(calibrate_env) scripts/calibrate $(SETS) > test/calibration/verdicts.tsv.tmp
	@mv test/calibration/verdicts.tsv.tmp test/calibration/verdicts.tsv

calibrate-next: build $(BUILD)/helpers/world ## the sampling rule against equal bins
	@mkdir -p test/calibration
	@printf 'world\toptions\ttotal\thow\tsets\tlift\tloss\tzone_or_abrupt\tfalse\n' > test/calibration/next.tsv.tmp
	for world in two-bins flat line-100; do for total in 75 100 125 150 200; do \
	    $(calibrate_env) scripts/calibrate-next $$world $$total $(SETS) --churn 0.05 || exit 1; done; done >> test/calibration/next.tsv.tmp
	@mv test/calibration/next.tsv.tmp test/calibration/next.tsv

bench-stats: build $(BUILD)/helpers/world ## a million responses, beside numpy and scipy
	$(calibrate_env) nice scripts/bench-stats

# Sampling where it matters, and checking what was reported.
TOTAL ?=
BATCH ?= 5
.PHONY: refine verify
refine: build ## add entries near the transition up to TOTAL, test once (EXP=snapkv TOTAL=150)
	@KVT_BIN=$(abspath $(BIN)) scripts/refine $(EXP) $(TOTAL) $(BATCH)

verify: build ## recompute every number of RUN's report from its responses (RUN=runs/snapkv)
	@KVT_BIN=$(abspath $(BIN)) scripts/verify $(RUN)
