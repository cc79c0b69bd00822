/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many flow rows the disk still takes. Waiting for "disk full" would be too late: by
 * then the write-ahead log is full of pages that the database file has no room for, and
 * nothing more can be written, not even a deletion. So the last part of the disk (a
 * twentieth, at most 64 MiB) is left to signals, incidents and the outbox; flow rows are
 * held to what is beyond it, in transactions small enough for the log to take.
 *
 * Pages freed inside the file count as room, so when flow rows are deleted for want of
 * space, new ones are written in their place.
 */
#include <sys/statvfs.h>

#include "store/store_priv.h"

#define RESERVE_MIN (INT64_C(512) << 10)
#define RESERVE_MAX (INT64_C(64) << 20)
#define PAGE INT64_C(4096)
/* A row, its share of indexes and of pages written twice in one transaction. */
#define ROW_BYTES 512

size_t
store_row_budget(struct ew_store *store, size_t max)
{
	struct statvfs fs;

	if (statvfs(store->path, &fs) != 0)
		return max; /* then writing will tell */
	const int64_t block = (int64_t)fs.f_frsize;
	const int64_t avail = (int64_t)fs.f_bavail * block;
	int64_t reserve = (int64_t)fs.f_blocks * block / 20;

	reserve = reserve < RESERVE_MIN ? RESERVE_MIN
	    : reserve > RESERVE_MAX	? RESERVE_MAX
					: reserve;
	/* Pages in the log will have to go into the file. */
	const int64_t pending = store->wal_pages * PAGE;
	int64_t room = avail - pending - reserve;

	if (room / ROW_BYTES >= (int64_t)max)
		return max;
	room += ew_db_int(&store->db, "PRAGMA freelist_count", 0) * PAGE;
	/* The log itself: what it may grow by, or what of it can be used again. */
	const int64_t log = avail / 2 > store->wal_high_pages * PAGE - pending
	    ? avail / 2
	    : store->wal_high_pages * PAGE - pending;

	room = room < log ? room : log;
	return room < ROW_BYTES * 64 ? 0 : (size_t)(room / ROW_BYTES);
}
