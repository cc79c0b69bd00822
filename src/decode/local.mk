# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_decode_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/decode/local.mk. Libraries: the layers in Makefile.am.
libew_decode_a_CPPFLAGS = $(AM_CPPFLAGS)
libew_decode_a_SOURCES =
libew_decode_a_SOURCES += %D%/decode.h
libew_decode_a_SOURCES += %D%/note.h
libew_decode_a_SOURCES += %D%/packet.h
