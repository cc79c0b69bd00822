# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_proc_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/proc/local.mk. Libraries: the layers in Makefile.am.
libew_proc_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CAPNG_CFLAGS) $(SECCOMP_CFLAGS) $(CRYPTO_CFLAGS)
libew_proc_a_SOURCES =
libew_proc_a_SOURCES += %D%/inventory_file.c %D%/inventory_file.h %D%/inventory_priv.h
libew_proc_a_SOURCES += %D%/inventory_records.c
libew_proc_a_SOURCES += %D%/json_place.c %D%/json_place.h
libew_proc_a_SOURCES += %D%/message.c %D%/message.h
libew_proc_a_SOURCES += %D%/outside.c %D%/outside.h
libew_proc_a_SOURCES += %D%/peer.c %D%/peer.h
libew_proc_a_SOURCES += %D%/sandbox.c %D%/sandbox.h
libew_proc_a_SOURCES += %D%/sandbox_lock.c
libew_proc_a_SOURCES += %D%/webhook.c %D%/webhook.h %D%/webhook_priv.h
libew_proc_a_SOURCES += %D%/webhook_generic.c
libew_proc_a_SOURCES += %D%/webhook_slack.c
libew_proc_a_SOURCES += %D%/webhook_words.c
libew_proc_a_SOURCES += %D%/wire.c %D%/wire_priv.h
libew_proc_a_SOURCES += %D%/delivery.c %D%/delivery.h %D%/delivery_priv.h
libew_proc_a_SOURCES += %D%/delivery_datagram.c
libew_proc_a_SOURCES += %D%/delivery_wait.c
libew_proc_a_SOURCES += %D%/docker.c %D%/docker.h %D%/docker_priv.h
libew_proc_a_SOURCES += %D%/docker_parse.c %D%/docker_parse.h
libew_proc_a_SOURCES += %D%/docker_state.c
