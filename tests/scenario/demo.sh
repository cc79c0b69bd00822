#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `eastwatch demo` over the recorded campaign: it ends by explaining one incident whose source
# is the container that was taken over (recorded with the attack's own log: edge scans web,
# opens 4444 there, and from web the database), with both hops of the path.
echo 1..1
said=$("$EW_BUILDDIR/eastwatch" demo --data "$EW_SRCDIR/contrib/demo" 2>&1) || { echo "not ok 1 - demo runs"; echo "# $said"; exit 1; }
for fact in "compose/shop/edge on n1 is scanning compose/shop/web" \
	"compose/shop/edge -> compose/shop/web:4444" "compose/shop/web -> compose/shop/db:5432" \
	T1046 "eastwatch baseline accept"; do
	case $said in
	*"$fact"*) ;;
	*)
		echo "not ok 1 - the demo explains the recorded campaign"
		echo "# missing: $fact"
		printf '%s\n' "$said" | sed 's/^/# /'
		exit 1
		;;
	esac
done
echo "ok 1 - the demo explains the recorded campaign"
