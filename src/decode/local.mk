# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_decode_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/decode/local.mk. Libraries: the layers in Makefile.am.
libew_decode_a_CPPFLAGS = $(AM_CPPFLAGS)
libew_decode_a_SOURCES =
libew_decode_a_SOURCES += %D%/decode.h
libew_decode_a_SOURCES += %D%/note.h
libew_decode_a_SOURCES += %D%/packet.h
libew_decode_a_SOURCES += %D%/counters.c
libew_decode_a_SOURCES += %D%/decode.c
libew_decode_a_SOURCES += %D%/dhcp.c
libew_decode_a_SOURCES += %D%/dns.c
libew_decode_a_SOURCES += %D%/fragments.c
libew_decode_a_SOURCES += %D%/ip.c
libew_decode_a_SOURCES += %D%/link.c
libew_decode_a_SOURCES += %D%/neighbour.c
libew_decode_a_SOURCES += %D%/quote.c
libew_decode_a_SOURCES += %D%/transport.c
libew_decode_a_SOURCES += %D%/tunnel.c
libew_decode_a_SOURCES += %D%/decode_priv.h
libew_decode_a_SOURCES += %D%/short.c
