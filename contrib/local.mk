# SPDX-License-Identifier: Apache-2.0
# What packagers and operators take from contrib/: each file has a line here.
dist_noinst_SCRIPTS += %D%/deps %D%/quickstart %D%/test .ci/run
EXTRA_DIST += %D%/eastwatchd.service %D%/eastwatch.sysusers %D%/demo.sh

# The copies that are installed carry the real paths.
if INSTALL_UNIT
nodist_systemdsystemunit_DATA = contrib/installed/eastwatchd.service
endif
contrib/installed/eastwatchd.service: contrib/eastwatchd.service Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) 's,/usr/sbin/,$(sbindir)/,' $< > $@.tmp && mv $@.tmp $@

if INSTALL_SYSUSERS
nodist_sysusers_DATA = contrib/installed/eastwatch.conf
endif
contrib/installed/eastwatch.conf: contrib/eastwatch.sysusers
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $< $@
CLEANFILES += contrib/installed/eastwatchd.service contrib/installed/eastwatch.conf

# The recording that `eastwatch demo` replays; made by tests/support/record-demo.py.
demodir = $(pkgdatadir)/demo
dist_demo_DATA = %D%/demo/demo.pcap %D%/demo/demo.json %D%/demo/demo.yaml
EXTRA_DIST += tests/support/record-demo.py
