# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_identity_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/identity/local.mk. Libraries: the layers in Makefile.am.
libew_identity_a_CPPFLAGS = $(AM_CPPFLAGS) $(NL_CFLAGS)
libew_identity_a_SOURCES =
libew_identity_a_SOURCES += %D%/contact.h
libew_identity_a_SOURCES += %D%/identity.h
libew_identity_a_SOURCES += %D%/inventory.h
libew_identity_a_SOURCES += %D%/workload.h
