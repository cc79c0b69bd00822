/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapped file that another process truncates raises SIGBUS at the next touch. That is the
 * world, not our bug, so it must end as "the file breaks off at byte N" and not as a core
 * dump. The handler puts zero pages over the rest of the mapping, marks it, and lets the
 * read go on; the reader looks at the mark after each batch.
 *
 * The table is file-scope because a signal handler has no other way to it. Slots are
 * claimed with atomics; the handler only reads them. Any other SIGBUS stays deadly.
 */
#include "capture/guard_priv.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#define SLOTS 8
#define PAGE ((uintptr_t)4096)

static struct {
	atomic_uintptr_t start; /* 0 free, 1 being filled */
	atomic_uintptr_t end;
	atomic_bool hit;
} slots[SLOTS];

static void
on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)context;
	const uintptr_t at = (uintptr_t)info->si_addr;

	for (size_t i = 0; i < SLOTS; i++) {
		const uintptr_t start = atomic_load(&slots[i].start);
		const uintptr_t end = atomic_load(&slots[i].end);
		if (start <= 1 || at < start || at >= end)
			continue;
		const uintptr_t page = at & ~(PAGE - 1);
		void *zeros = mmap((void *)page, end - page, PROT_READ, /* NOLINT */
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (zeros == MAP_FAILED)
			break;
		atomic_store(&slots[i].hit, true);
		return;
	}
	signal(sig, SIG_DFL); /* the instruction runs again and ends the process */
}

int
ew_guard_add(const void *start, size_t size)
{
	for (int i = 0; i < SLOTS; i++) {
		uintptr_t unused = 0;
		if (!atomic_compare_exchange_strong(&slots[i].start, &unused, 1))
			continue;
		const struct sigaction action = {
			.sa_sigaction = on_sigbus,
			.sa_flags = SA_SIGINFO,
		};
		sigaction(SIGBUS, &action, NULL);
		const uintptr_t first = (uintptr_t)start;
		atomic_store(&slots[i].hit, false);
		atomic_store(&slots[i].end, (first + size + PAGE - 1) & ~(PAGE - 1));
		atomic_store(&slots[i].start, first);
		return i;
	}
	return -1;
}

bool
ew_guard_was_hit(int slot)
{
	return slot >= 0 && atomic_load(&slots[slot].hit);
}

void
ew_guard_remove(int slot)
{
	if (slot >= 0)
		atomic_store(&slots[slot].start, 0);
}
