# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_daemon_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/daemon/local.mk. Libraries: the layers in Makefile.am.
libew_daemon_a_CPPFLAGS = $(AM_CPPFLAGS) $(CYAML_CFLAGS) $(CAPNG_CFLAGS) $(SECCOMP_CFLAGS)
libew_daemon_a_SOURCES =
libew_daemon_a_SOURCES += %D%/config.h

if HAVE_DAEMON_MAIN
sbin_PROGRAMS += eastwatchd
endif
eastwatchd_SOURCES = %D%/main.c
eastwatchd_LDADD = $(daemon_ldadd)
