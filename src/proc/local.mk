# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_proc_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/proc/local.mk. Libraries: the layers in Makefile.am.
libew_proc_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CAPNG_CFLAGS) $(SECCOMP_CFLAGS) $(CRYPTO_CFLAGS)
libew_proc_a_SOURCES =
