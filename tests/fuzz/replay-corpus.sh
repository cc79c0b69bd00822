#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replay every saved input of every fuzz target that was built; a case per target (TAP).
here=$EW_SRCDIR/tests/fuzz
set -- "$EW_BUILDDIR"/tests/fuzz/fuzz_*
number=0
failed=0
for program; do
	[ -x "$program" ] || continue
	case $program in *.o | *.c) continue ;; esac
	number=$((number + 1))
	name=${program##*/fuzz_}
	if [ ! -d "$here/corpus/$name" ]; then
		echo "not ok $number - $name has saved inputs in tests/fuzz/corpus/$name"
		failed=1
	elif said=$(find "$here/corpus/$name" -type f ! -name 'README*' -exec "$program" {} + 2>&1); then
		echo "ok $number - $name survives its $(find "$here/corpus/$name" -type f | wc -l) saved inputs"
	else
		echo "not ok $number - $name survives its saved inputs"
		printf '%s\n' "$said" | tail -n 30 | sed 's/^/# /'
		failed=1
	fi
done
if [ $number = 0 ]; then
	echo '1..0 # SKIP no fuzz target is built'
else
	echo "1..$number"
fi
exit $failed
