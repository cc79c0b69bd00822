# SPDX-License-Identifier: Apache-2.0
# Live tests: each executable NN-name.py or .sh here prints TAP and has a line in this list.
live_tests =
live_tests += %D%/00-harness.py
live_tests += %D%/10-first-packet.py
live_tests += %D%/12-capture.py
live_tests += %D%/13-identity.py
live_tests += %D%/14-identity-docker.py
live_tests += %D%/13-workers.py
live_tests += %D%/14-bytes.py
live_tests += %D%/20-docker-story.py
live_tests += %D%/21-namespace-story.py
live_tests += %D%/30-nmap-scan.py
live_tests += %D%/50-bad-days.py

dist_noinst_SCRIPTS += $(live_tests) %D%/run tests/support/cleanroot
live_support = tests/support/live/__init__.py tests/support/live/cleanup.py \
	tests/support/live/daemon.py tests/support/live/engine.py tests/support/live/kernel.py \
	tests/support/live/net.py tests/support/live/proc.py tests/support/live/sandbox.py tests/support/live/shop.py \
	tests/support/live/tap.py tests/support/live/wait.py tests/support/live/webhook.py
EXTRA_DIST += $(live_support) tests/bench/latency.py

# make check-live [LIVE='tests/integration/00-harness.py ...']: needs root, see HACKING.md.
check-live: all
	$(PYTHON3) $(srcdir)/%D%/run --build '$(abs_top_builddir)' \
		--results '$(abs_top_builddir)/live-results' $(LIVE:%=$(abs_top_srcdir)/%)
.PHONY: check-live
CLEANFILES += live-results

# Long forms, each a script of its own folder when there is one.
bench soak range fuzz: all
	@if test -x '$(srcdir)/tests/$@/run'; then \
		EW_SRCDIR='$(abs_top_srcdir)' EW_BUILDDIR='$(abs_top_builddir)' \
			'$(abs_top_srcdir)/tests/$@/run' $(ARGS); \
	else echo '$@: there is no tests/$@/run yet'; exit 77; fi
.PHONY: bench soak range fuzz
