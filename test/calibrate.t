#!/bin/bash
# scripts/calibrate and scripts/calibration-table: the table does not depend on how many cases run at once, its
# shares are those of its streams, and too many false claims are counted.
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1
export KVT_BIN KVT_BUILD CASES="zone 20 --churn 0.05
perfect 5,40 "

ok "a small calibration" bash -c '"$1"/scripts/calibrate 3 7 >one.tsv' - "$root"
JOBS=1 "$root/scripts/calibrate" 3 7 >two.tsv
is "gives the same table with one job at a time" "$(cat two.tsv)" "$(cat one.tsv)"
is "cases, numbers of entries and budgets in order" "$(cut -f1,3,4 one.tsv | tail -n +2 | tr '\t' ' ')" 'zone 20 0.2
zone 20 0.5
perfect 5 0.2
perfect 5 0.5
perfect 40 0.2
perfect 40 0.5'
is "every row has every column" "$(awk -F'\t' '{ print NF }' one.tsv | sort -u)" 24
column() { awk -F'\t' -v world="$1" -v n="$2" -v name="$3" '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $1 == world && $3 == n && $4 == "0.2" { print $at[name] }' one.tsv; }
is "a perfect run of 40 is safe, of 5 not" "$(column perfect 40 safe) $(column perfect 5 safe)" "100 0"
share=$("$KVT_BUILD/helpers/world" zone --n 20 --churn 0.05 --seed 7 --data-sets 3 | kvt-transition |
    jq -s 'map(select(.kind == "transition" and .kv_budget == 0.2)) | 100 * (map(select(.rationale.lift.bins != [])) | length) / length | . * 10 | round / 10')
is "shares are those of the stream" "$(column zone 20 lift)" "$share"
kinds=$("$root/scripts/calibration-table" one.tsv | grep '^| loss')
like "cells are counted" "$kinds" '^\| loss \| budget without effect, every world \| 3 \|.*\| 0 \|$'
awk -F'\t' -v OFS='\t' 'NR > 1 && $1 == "perfect" { $5 = 400; $16 = 9 } { print }' one.tsv >false.tsv
like "and those with too many false claims" "$("$root/scripts/calibration-table" false.tsv | grep '^| loss')" 'every world \| 3 \|.*\| 2 \|$'

# Failures take right answers and those that noise made right: what is left of noise is no silent loss.
CASES="line-100 100 --churn 0.05" FAST=1 "$root/scripts/calibrate" 50 71 >one.tsv
is "failures that strike noise's gains make no silent loss" "$(awk "BEGIN { print $(column line-100 100 silent_part) <= 4 }")" 1
is "though every data set shows the failures" "$(column line-100 100 lift)" 100

# Failures one bin before silent losses: that they come first is right, that they come two bins earlier is not.
CASES="failures-one 40 
failures-first 40 " FAST=1 "$root/scripts/calibrate" 50 72 >one.tsv
is "one bin apart is seldom told for two" "$(awk "BEGIN { print $(column failures-one 40 two_bins) <= 8 }")" 1
is "where the order alone is often claimed" "$(awk "BEGIN { print ($(column failures-one 40 failures_first) >= 12) }")" 1
is "two bins apart are told" "$(awk "BEGIN { print ($(column failures-first 40 two_bins) >= 80) }")" 1
done_testing
