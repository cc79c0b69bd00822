# SPDX-License-Identifier: Apache-2.0
# Each manual page has a line here: manuals += %D%/eastwatch.1 (its source is
# doc/eastwatch.1.scd) and EXTRA_DIST += %D%/eastwatch.1.scd.
manuals =
manuals += %D%/eastwatch-baseline.1
manuals += %D%/eastwatch-blast-radius.1
manuals += %D%/eastwatch-completion.1
manuals += %D%/eastwatch-config.1
manuals += %D%/eastwatch-counters.1
manuals += %D%/eastwatch-demo.1
manuals += %D%/eastwatch-doctor.1
manuals += %D%/eastwatch-edges.1
manuals += %D%/eastwatch-explain.1
manuals += %D%/eastwatch-flows.1
manuals += %D%/eastwatch-incidents.1
manuals += %D%/eastwatch-instances.1
manuals += %D%/eastwatch-map.1
manuals += %D%/eastwatch-path.1
manuals += %D%/eastwatch-replay.1
manuals += %D%/eastwatch-schema.5
manuals += %D%/eastwatch-signals.1
manuals += %D%/eastwatch-sql.1
manuals += %D%/eastwatch-status.1
manuals += %D%/eastwatch-timeline.1
manuals += %D%/eastwatch-top.1
manuals += %D%/eastwatch-webhook.1
manuals += %D%/eastwatch-who.1
manuals += %D%/eastwatch-workloads.1
manuals += %D%/eastwatch.1
manuals += %D%/eastwatch.yaml.5
manuals += %D%/eastwatchd.8
EXTRA_DIST += %D%/eastwatch-baseline.1.scd
EXTRA_DIST += %D%/eastwatch-blast-radius.1.scd
EXTRA_DIST += %D%/eastwatch-completion.1.scd
EXTRA_DIST += %D%/eastwatch-config.1.scd
EXTRA_DIST += %D%/eastwatch-counters.1.scd
EXTRA_DIST += %D%/eastwatch-demo.1.scd
EXTRA_DIST += %D%/eastwatch-doctor.1.scd
EXTRA_DIST += %D%/eastwatch-edges.1.scd
EXTRA_DIST += %D%/eastwatch-explain.1.scd
EXTRA_DIST += %D%/eastwatch-flows.1.scd
EXTRA_DIST += %D%/eastwatch-incidents.1.scd
EXTRA_DIST += %D%/eastwatch-instances.1.scd
EXTRA_DIST += %D%/eastwatch-map.1.scd
EXTRA_DIST += %D%/eastwatch-path.1.scd
EXTRA_DIST += %D%/eastwatch-replay.1.scd
EXTRA_DIST += %D%/eastwatch-schema.5.scd
EXTRA_DIST += %D%/eastwatch-signals.1.scd
EXTRA_DIST += %D%/eastwatch-sql.1.scd
EXTRA_DIST += %D%/eastwatch-status.1.scd
EXTRA_DIST += %D%/eastwatch-timeline.1.scd
EXTRA_DIST += %D%/eastwatch-top.1.scd
EXTRA_DIST += %D%/eastwatch-webhook.1.scd
EXTRA_DIST += %D%/eastwatch-who.1.scd
EXTRA_DIST += %D%/eastwatch-workloads.1.scd
EXTRA_DIST += %D%/eastwatch.1.scd
EXTRA_DIST += %D%/eastwatch.yaml.5.scd
EXTRA_DIST += %D%/eastwatchd.8.scd

if HAVE_SCDOC
man_MANS = $(manuals)
endif
CLEANFILES += $(manuals)
doc/%: doc/%.scd
	$(AM_V_GEN)$(MKDIR_P) doc && $(SCDOC) < $< > $@.tmp && mv $@.tmp $@
