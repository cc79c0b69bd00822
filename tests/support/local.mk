# SPDX-License-Identifier: Apache-2.0
# Each helper file for unit tests has a line here: libew_test_a_SOURCES += %D%/packet.c
# A helper may use any layer; a test that pulls it in must then link that layer.
libew_test_a_CPPFLAGS = $(test_cppflags) $(SQLITE_CFLAGS) $(PCAP_CFLAGS)
libew_test_a_SOURCES =
libew_test_a_SOURCES += %D%/leaks.c
libew_test_a_SOURCES += %D%/http_server.c %D%/http_server.h
libew_test_a_SOURCES += %D%/packet.c %D%/packet.h
