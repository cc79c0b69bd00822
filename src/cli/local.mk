# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_cli_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/cli/local.mk. Libraries: the layers in Makefile.am.
libew_cli_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS)
libew_cli_a_SOURCES =
libew_cli_a_SOURCES += %D%/args.c
libew_cli_a_SOURCES += %D%/cli.c
libew_cli_a_SOURCES += %D%/command.h
libew_cli_a_SOURCES += %D%/commands.c
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
