# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_proc_check_proc_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=proc). It can use src/proc and the layers below it, no more.
tests_proc_check_proc_CPPFLAGS = $(test_cppflags) $(JANSSON_CFLAGS) $(CAPNG_CFLAGS) $(SECCOMP_CFLAGS) $(CRYPTO_CFLAGS)
tests_proc_check_proc_LDADD = $(test_ldadd) $(proc_ldadd)
tests_proc_check_proc_SOURCES =
tests_proc_check_proc_SOURCES += %D%/test_docker_parse.c
tests_proc_check_proc_SOURCES += %D%/test_inventory.c
tests_proc_check_proc_SOURCES += %D%/test_message.c
tests_proc_check_proc_SOURCES += %D%/test_peer.c
tests_proc_check_proc_SOURCES += %D%/test_delivery.c
tests_proc_check_proc_SOURCES += %D%/test_webhook.c
tests_proc_check_proc_SOURCES += %D%/test_sandbox.c
tests_proc_check_proc_SOURCES += %D%/test_docker.c
tests_proc_check_proc_SOURCES += %D%/test_bundles.c
tests_proc_check_proc_SOURCES += %D%/test_resolvers.c
