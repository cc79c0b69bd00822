# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_cli_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/cli/local.mk. Libraries: the layers in Makefile.am.
libew_cli_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS)
libew_cli_a_SOURCES =
libew_cli_a_SOURCES += %D%/args.c
libew_cli_a_SOURCES += %D%/cli.c
libew_cli_a_SOURCES += %D%/command.h
libew_cli_a_SOURCES += %D%/commands.c
libew_cli_a_SOURCES += %D%/config.c
libew_cli_a_SOURCES += %D%/doctor.c
libew_cli_a_SOURCES += %D%/doctor_blind.c
libew_cli_a_SOURCES += %D%/doctor_kernel.c
libew_cli_a_SOURCES += %D%/doctor_places.c
libew_cli_a_SOURCES += %D%/doctor_priv.h
libew_cli_a_SOURCES += %D%/doctor_state.c
libew_cli_a_SOURCES += %D%/edges.c
libew_cli_a_SOURCES += %D%/explain.c
libew_cli_a_SOURCES += %D%/flows.c
libew_cli_a_SOURCES += %D%/incidents.c
libew_cli_a_SOURCES += %D%/list.c
libew_cli_a_SOURCES += %D%/list.h
libew_cli_a_SOURCES += %D%/map.c
libew_cli_a_SOURCES += %D%/map_forms.c
libew_cli_a_SOURCES += %D%/map_priv.h
libew_cli_a_SOURCES += %D%/options.c
libew_cli_a_SOURCES += %D%/options.h
libew_cli_a_SOURCES += %D%/place.c
libew_cli_a_SOURCES += %D%/place.h
libew_cli_a_SOURCES += %D%/rows.c
libew_cli_a_SOURCES += %D%/rows.h
libew_cli_a_SOURCES += %D%/signals.c
libew_cli_a_SOURCES += %D%/sql.c
libew_cli_a_SOURCES += %D%/who.c
libew_cli_a_SOURCES += %D%/workloads.c
libew_cli_a_SOURCES += %D%/writer.c
libew_cli_a_SOURCES += %D%/writer.h
libew_cli_a_SOURCES += %D%/writer_csv.c
libew_cli_a_SOURCES += %D%/writer_json.c
libew_cli_a_SOURCES += %D%/writer_priv.h
libew_cli_a_SOURCES += %D%/writer_table.c

if HAVE_CLI_MAIN
bin_PROGRAMS += eastwatch
endif
eastwatch_SOURCES = %D%/main.c
eastwatch_LDADD = $(cli_ldadd)
