#!/bin/bash
# What every filter owes its user, whatever it does: copies, errors, full disks, closed pipes, help.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

filters="kvt-bin kvt-infer kvt-score kvt-stats kvt-transition"
: >"$scratch/journal"
printf '%s\n' '{"kind":"foreign","x":0.20, "y":[1,{"z":"\u00e9"}]}' '' '{"kind" : "other"}' >"$scratch/foreign"

for program in $filters; do
    arguments=()
    [ "$program" = kvt-infer ] && arguments=(--offline "--journal=$scratch/journal")
    [ "$program" = kvt-bin ] && arguments=(-c config/snapkv.json)
    if [ "$program" != kvt-bin ]; then
        "$program" "${arguments[@]}" --no-meta "$scratch/foreign" >"$scratch/copy" 2>"$scratch/err"
        is "$program copies what it does not own byte for byte" "$(cat "$scratch/copy")" "$(cat "$scratch/foreign")"
        "$program" "${arguments[@]}" "$scratch/foreign" 2>/dev/null | tail -n 1 >"$scratch/meta"
        like "$program ends with its meta record" "$(cat "$scratch/meta")" "^\\{\"kind\":\"meta\",\"stage\":\"$program\""
        "$program" "${arguments[@]}" "$scratch/foreign" 2>/dev/null >"$scratch/once"
        "$program" "${arguments[@]}" "$scratch/once" 2>/dev/null >"$scratch/twice"
        is "$program drops its own old meta" "$(grep -c '"meta"' "$scratch/twice")" 1
        is "$program run twice repeats no record" "$(wc -l <"$scratch/twice")" "$(wc -l <"$scratch/once")"
        fails 3 "$program reports a full disk" bash -c "\"$program\" ${arguments[*]} '$scratch/foreign' >/dev/full"
        yes '{"kind":"foreign","x":"0123456789012345678901234567890123456789"}' | head -n 20000 >"$scratch/long"
        "$program" "${arguments[@]}" "$scratch/long" 2>"$scratch/err" | head -n 1 >/dev/null
        is "$program ends quietly on a closed pipe" "${PIPESTATUS[0]}" 141
        printf '%s\n' '{"kind":"foreign"}' 'not json' '{"kind":"foreign","x":2}' >"$scratch/bad"
        fails 1 "$program stops at a bad line" "$program" "${arguments[@]}" "$scratch/bad"
        like "$program names file and line" "$(cat "$scratch/.err")" "^$program: $scratch/bad:2: "
        is "$program has already written what came before" "$(cat "$scratch/.out")" '{"kind":"foreign"}'
        printf '%s\n%s' '{"kind":"foreign"}' '{"kind":"meta","stage":"other","settings":{},"rec' >"$scratch/cut"
        fails 1 "$program stops at a line that was cut off, whoever made it" "$program" "${arguments[@]}" "$scratch/cut"
        like "$program names its place" "$(cat "$scratch/.err")" "^$program: $scratch/cut:2: not a JSON object"
        # a stream without responses is nothing to compute from
        case $program in kvt-stats | kvt-transition) code=1 ;; *) code=0 ;; esac
        fails $code "$program sets bad lines aside" "$program" "${arguments[@]}" --no-meta --skip-bad "$scratch/aside" "$scratch/bad"
        is "$program goes on after a bad line" "$(wc -l <"$scratch/.out")" 2
        is "$program keeps the bad line" "$(cat "$scratch/aside")" 'not json'
    fi
    fails 3 "$program reports a missing file" "$program" "${arguments[@]}" "$scratch/none"
    like "$program names the missing file" "$(cat "$scratch/.err")" "cannot open $scratch/none: No such file"
done

for program in $filters kvt-render kvt-import kvt-serve kvt-lint; do
    ok "$program --help" "$program" --help
    like "$program --help goes to standard output" "$(head -n 1 "$scratch/.out")" '^Usage: kvt-'
    ok "$program --version" "$program" --version
    fails 2 "$program refuses an unknown option" "$program" --no-such-option
    fails 3 "$program --help on a full disk" bash -c "$program --help >/dev/full"
    # the page documents every option the program has, and no other
    "$program" --help | sed -nE 's/^  +(-[a-zA-Z], )?--([a-z0-9-]+).*/\2/p' | grep -vxE 'help|version' | sort >"$scratch/options"
    grep -oE '^\.It Fl .*' "src/$program.1" | grep -oE -- 'Fl -[a-z0-9-]+|, -[a-z0-9-]+' | sed -E 's/^(Fl|,) -//' |
        grep -vxE 'help|version' | sort -u >"$scratch/documented"
    is "$program: page and help name the same options" "$(comm -3 "$scratch/options" "$scratch/documented")" ''
done
done_testing
