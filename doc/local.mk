# SPDX-License-Identifier: Apache-2.0
# Each manual page has a line here: manuals += %D%/eastwatch.1 (its source is
# doc/eastwatch.1.scd) and EXTRA_DIST += %D%/eastwatch.1.scd.
manuals =

if HAVE_SCDOC
man_MANS = $(manuals)
endif
CLEANFILES += $(manuals)
doc/%: doc/%.scd
	$(AM_V_GEN)$(MKDIR_P) doc && $(SCDOC) < $< > $@.tmp && mv $@.tmp $@
