/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leak detection in unit tests, when built with --enable-sanitizers.
 *
 * criterion ends each test's process without the exit handler in which LeakSanitizer looks,
 * so leaks would pass unseen. Here every test's fini is wrapped before main: it calls the
 * test's own fini, then asks LeakSanitizer. Reports go to the file named by ASAN_OPTIONS
 * (build-aux/run-unit sets it, prints it and fails the program).
 *
 * Test programs link this in by name (-u ew_test_leaks_linked); nothing calls it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define EW_HAVE_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EW_HAVE_LSAN 1
#endif
#endif
#ifndef EW_HAVE_LSAN
#define EW_HAVE_LSAN 0
#endif

extern const char ew_test_leaks_linked;
const char ew_test_leaks_linked = 1;

#if EW_HAVE_LSAN

int __lsan_do_recoverable_leak_check(void);

/*
 * criterion keeps a pointer to each test in this section; the linker names its ends. Weak,
 * because a program without tests has no such section.
 */
extern struct criterion_test *__start_cr_tst[] __attribute__((weak));
extern struct criterion_test *__stop_cr_tst[] __attribute__((weak));

#define TESTS_MAX 4096
static void (*own_fini[TESTS_MAX])(void);

static void
fini_and_check(void)
{
	const size_t n = (size_t)(__stop_cr_tst - __start_cr_tst);

	for (size_t i = 0; i < n && i < TESTS_MAX; i++) {
		if (__start_cr_tst[i] != criterion_current_test)
			continue;
		if (own_fini[i])
			own_fini[i]();
		if (__lsan_do_recoverable_leak_check())
			(void)fprintf(stderr, "%s::%s leaks\n",
			    criterion_current_test->category,
			    criterion_current_test->name);
		return;
	}
}

__attribute__((constructor)) static void
wrap_tests(void)
{
	const size_t n = (size_t)(__stop_cr_tst - __start_cr_tst);

	for (size_t i = 0; i < n && i < TESTS_MAX; i++) {
		struct criterion_test *test = __start_cr_tst[i];

		if (!test || !test->data)
			continue;
		own_fini[i] = test->data->fini;
		test->data->fini = fini_and_check;
	}
}

#endif
