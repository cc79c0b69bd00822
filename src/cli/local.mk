# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_cli_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/cli/local.mk. Libraries: the layers in Makefile.am.
libew_cli_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS)
libew_cli_a_SOURCES =

if HAVE_CLI_MAIN
bin_PROGRAMS += eastwatch
endif
eastwatch_SOURCES = %D%/main.c
eastwatch_LDADD = $(cli_ldadd)
