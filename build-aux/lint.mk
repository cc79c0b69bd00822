# SPDX-License-Identifier: Apache-2.0
# make lint and its parts. Each rule of style is a command; scripts in build-aux/.

lint_flags = $(DEFS) $(AM_CPPFLAGS) $(PCAP_CFLAGS) $(NL_CFLAGS) $(SQLITE_CFLAGS) \
	$(EVENT_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(CAPNG_CFLAGS) \
	$(SECCOMP_CFLAGS) $(XXHASH_CFLAGS) $(SMARTCOLS_CFLAGS) $(CRYPTO_CFLAGS) -std=gnu11 $(filter -D%,$(libew_cli_a_CPPFLAGS))
# The scripts change into the source tree, so these paths are absolute; word by word, since
# "-I." is also how "-I../src" begins.
lint_abs_flags = $(patsubst -I$(top_srcdir)/%,-I$(abs_top_srcdir)/%,\
	$(patsubst -I$(top_builddir)/%,-I$(abs_top_builddir)/%,\
	$(patsubst $(top_builddir)/%,$(abs_top_builddir)/%,$(lint_flags))))

lint: check-layers check-banned check-format check-headers check-cppcheck check-tidy

check-layers:
	@$(SHELL) $(top_srcdir)/build-aux/check-layers $(top_srcdir)
	@$(SHELL) $(top_srcdir)/build-aux/check-layers-self $(top_srcdir)
check-banned:
	@$(SHELL) $(top_srcdir)/build-aux/check-banned $(top_srcdir)
check-format:
	@$(SHELL) $(top_srcdir)/build-aux/check-format $(top_srcdir)
check-headers: config.h include/eastwatch/version.h
	@$(SHELL) $(top_srcdir)/build-aux/check-headers $(top_srcdir) $(CC) $(lint_abs_flags)
check-cppcheck:
	@$(SHELL) $(top_srcdir)/build-aux/check-cppcheck $(abs_top_srcdir) $(abs_top_builddir)/.lint/cppcheck
check-tidy: config.h include/eastwatch/version.h
	@$(SHELL) $(top_srcdir)/build-aux/check-tidy $(abs_top_srcdir) $(abs_top_builddir)/.lint/tidy $(lint_abs_flags)
format:
	@$(SHELL) $(top_srcdir)/build-aux/check-format $(top_srcdir) fix
.PHONY: lint check-layers check-banned check-format check-headers check-cppcheck check-tidy format

clean-local:
	-rm -rf .lint
EXTRA_DIST += .clang-format .clang-tidy build-aux/layers.txt
dist_noinst_SCRIPTS += build-aux/check-layers build-aux/check-layers-self \
	build-aux/check-banned build-aux/check-format build-aux/check-headers \
	build-aux/check-cppcheck build-aux/check-tidy

# After make check in a tree configured with --enable-coverage.
coverage:
	@$(SHELL) $(top_srcdir)/build-aux/coverage $(top_srcdir) $(top_builddir)
.PHONY: coverage
dist_noinst_SCRIPTS += build-aux/coverage
CLEANFILES += coverage.files

# After make dist: nothing tracked is missing from the tarball.
check-dist: dist
	@$(SHELL) $(top_srcdir)/build-aux/check-dist $(top_srcdir) $(distdir).tar.xz
.PHONY: check-dist
dist_noinst_SCRIPTS += build-aux/check-dist
