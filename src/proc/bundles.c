/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd runs, from its files: ROOT/io.containerd.runtime.v2.task/NAMESPACE/ID/
 * config.json and the results that CNI plugins cache. inotify says that something changed,
 * never what: each time everything is looked at again, which is cheap (a node has a hundred
 * pods) and cannot miss anything. A bundle appears before its config.json and its address,
 * so while something is incomplete the next look comes soon.
 *
 * The folders are 0700 and root's: this needs uid 0, without any capability. Symbolic links
 * are not followed and files are bounded.
 */
#include "proc/bundles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "io/loop.h"
#include "proc/bundle_parse.h"

#define TASKS "io.containerd.runtime.v2.task"
#define FILE_MAX_BYTES ((size_t)1 << 20)
#define INSTANCES_MAX 10000
#define SOON_NS (30 * EW_NS_PER_MS)
#define INCOMPLETE_NS (300 * EW_NS_PER_MS)
#define PERIOD_NS (30 * EW_NS_PER_S)

struct known {
	char id[EW_INSTANCE_ID_MAX];
	bool is_seen;
	uint8_t *bytes; /* as told to core */
	size_t size;
	UT_hash_handle hh;
};

struct ew_bundles {
	char tasks[320], cni[256];
	struct ew_timer *timer;
	struct ew_watch *watch;
	int inotify;
	struct known *instances, *networks;
	struct ew_runtime_status status, told;
	bool is_ready, is_incomplete, is_explicit;
	bool has_own; /* a namespace that is not Docker's */
	ew_docker_send_fn send;
	void *context;
	struct ew_instance_info info;
	struct ew_cni_result *results;
	size_t n_results;
	uint8_t bytes[EW_PROC_MESSAGE_MAX];
};

/* --- telling core ----------------------------------------------------------------------------- */

static void
tell(struct ew_bundles *b, struct known **table, const char *id, enum ew_proc_type type,
    const void *record)
{
	struct known *k;
	size_t size;

	HASH_FIND_STR(*table, id, k);
	if (!k) {
		if (HASH_COUNT(*table) >= INSTANCES_MAX)
			return;
		k = ew_alloc(sizeof(*k));
		(void)ew_text_copy(k->id, sizeof(k->id), id);
		HASH_ADD_STR(*table, id, k);
	}
	k->is_seen = true;
	if (ew_proc_encode(type, record, b->bytes, sizeof(b->bytes), &size) < 0 ||
	    (size == k->size && memcmp(k->bytes, b->bytes, size) == 0))
		return;
	/* Refused by core: it stays different, and the next look tells it again. */
	if (b->send(b->context, type, record) == EW_ERR_LIMIT) {
		b->is_incomplete = true;
		return;
	}
	free(k->bytes);
	k->bytes = ew_alloc(size);
	k->size = size;
	memcpy(k->bytes, b->bytes, size);
}

static void
forget(struct known **table, struct known *k)
{
	/* uthash unlinks before anything is freed; the analyzer loses count of the links. */
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	HASH_DEL(*table, k);
	free(k->bytes);
	free(k);
}

static void
forget_unseen(struct ew_bundles *b, struct known **table, enum ew_proc_type type)
{
	struct known *k, *next;

	for (k = *table; k; k = next) {
		next = k->hh.next;
		if (k->is_seen) {
			k->is_seen = false;
			continue;
		}
		struct ew_gone gone = { .runtime = "containerd",
			.at = ew_mono_from_wall_clock() };
		(void)ew_text_copy(gone.id, sizeof(gone.id), k->id);
		(void)b->send(b->context, type, &gone);
		forget(table, k);
	}
}

/* --- looking ---------------------------------------------------------------------------------- */

static int
read_file(int folder, const char *path, struct ew_text *text, struct stat *st)
{
	char buffer[8192];
	ssize_t got;
	const int fd =
	    openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	ew_text_clear(text);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		return -EINVAL;
	}
	while ((got = read(fd, buffer, sizeof(buffer))) > 0 && !text->full)
		ew_text_add_bytes(text, buffer, (size_t)got);
	close(fd);
	return got < 0 || text->full ? -EIO : 0;
}

static bool
is_name(const char *name)
{
	return name[0] != '.' && strlen(name) < EW_INSTANCE_ID_MAX;
}

/* Call visit for each name in the folder; watch it. Returns 0 or -errno. */
static int
each_name(struct ew_bundles *b, int at, const char *path, struct ew_text *text,
    void (*visit)(struct ew_bundles *b, int folder, const char *name,
	struct ew_text *text))
{
	char full[64];
	const int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -errno;
	(void)snprintf(full, sizeof(full), "/proc/self/fd/%d", fd);
	if (b->inotify >= 0)
		(void)inotify_add_watch(b->inotify, full,
		    IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM |
			IN_CLOSE_WRITE);
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (is_name(e->d_name))
			visit(b, fd, e->d_name, text);
	(void)closedir(dir);
	return 0;
}

static void
on_result(struct ew_bundles *b, int folder, const char *name, struct ew_text *text)
{
	struct stat st;

	if (b->n_results >= INSTANCES_MAX || read_file(folder, name, text, &st) < 0)
		return;
	b->results =
	    ew_realloc_array(b->results, b->n_results + 1, sizeof(b->results[0]));
	if (ew_cni_parse(text->text ? text->text : "", text->length,
		&b->results[b->n_results]) < 0) {
		b->is_incomplete = true; /* half written, or not a result */
		return;
	}
	const struct ew_network_info *network = &b->results[b->n_results++].network;
	tell(b, &b->networks, network->id, EW_PROC_NETWORK, network);
}

static void
add_ifaces(struct ew_bundles *b)
{
	for (size_t i = 0; i < b->n_results; i++)
		if (strcmp(b->results[i].container, b->info.cid) == 0 &&
		    b->info.n_ifaces < EW_INSTANCE_IFACES_MAX)
			b->info.ifaces[b->info.n_ifaces++] = b->results[i].iface;
}

static void
on_bundle(struct ew_bundles *b, int folder, const char *id, struct ew_text *text)
{
	char path[EW_INSTANCE_ID_MAX + 16];
	struct stat st, pid_st;

	(void)snprintf(path, sizeof(path), "%s/config.json", id);
	const int code = read_file(folder, path, text, &st);
	if (code < 0 ||
	    ew_bundle_parse(text->text ? text->text : "", text->length, &b->info) < 0) {
		b->status.errors += code == 0;
		b->is_incomplete = true;
		return;
	}
	(void)ew_text_copy(b->info.cid, sizeof(b->info.cid), id);
	(void)ew_text_copy(b->info.runtime, sizeof(b->info.runtime), "containerd");
	if (!b->info.name[0])
		(void)ew_text_copy(b->info.name, sizeof(b->info.name), id);
	b->info.started.ns = st.st_mtim.tv_sec * EW_NS_PER_S + st.st_mtim.tv_nsec;
	(void)snprintf(path, sizeof(path), "%s/init.pid", id);
	if (read_file(folder, path, text, &pid_st) == 0 && text->length)
		b->info.pid = (int32_t)strtol(text->text, NULL, 10);
	else
		b->is_incomplete = true;
	add_ifaces(b);
	tell(b, &b->instances, id, EW_PROC_INSTANCE, &b->info);
}

static void
on_namespace(struct ew_bundles *b, int folder, const char *name, struct ew_text *text)
{
	if (strcmp(name, "moby") == 0)
		return;
	b->has_own = true;
	(void)each_name(b, folder, name, text, on_bundle);
}

static void
set_status(struct ew_bundles *b, int code)
{
	b->status.is_connected = code == 0;
	b->status.is_configured = code != -ENOENT;
	b->status.instances = HASH_COUNT(b->instances);
	b->status.sentence[0] = '\0';
	if (code < 0 && code != -ENOENT)
		(void)snprintf(b->status.sentence, sizeof(b->status.sentence),
		    "%.150s cannot be read (%s): pods have no names; run the daemon as "
		    "root",
		    b->tasks, ew_err_text(code));
	/* Both live in zeroed memory. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (memcmp(&b->status, &b->told, sizeof(b->status)) == 0)
		return;
	if (b->status.sentence[0] && !b->told.sentence[0])
		ew_log(EW_LOG_UNUSUAL, "runtime", "containerd: %s", b->status.sentence);
	b->told = b->status;
	(void)b->send(b->context, EW_PROC_RUNTIME, &b->status);
}

static void
look(void *context)
{
	struct ew_bundles *b = context;
	struct ew_text text;

	b->is_incomplete = b->has_own = false;
	b->n_results = 0;
	ew_text_init(&text, FILE_MAX_BYTES);
	/* Addresses first: bundles take theirs from them. */
	(void)each_name(b, AT_FDCWD, b->cni, &text, on_result);
	int code = each_name(b, AT_FDCWD, b->tasks, &text, on_namespace);
	/* Found by chance and of no use: Docker's alone, or closed to us. Nobody asked. */
	if (!b->is_explicit && (code == 0 ? !b->has_own : code == -EACCES))
		code = -ENOENT;
	forget_unseen(b, &b->instances, EW_PROC_INSTANCE_GONE);
	forget_unseen(b, &b->networks, EW_PROC_NETWORK_GONE);
	ew_text_fini(&text);
	set_status(b, code);
	if (code == 0 && !b->is_ready) {
		b->is_ready = true;
		(void)b->send(b->context, EW_PROC_INVENTORY_READY, &b->status);
	}
	ew_timer_start(b->timer,
	    b->is_incomplete	  ? INCOMPLETE_NS
		: code == -ENOENT ? 2 * EW_NS_PER_S
				  : PERIOD_NS);
}

static void
on_inotify(void *context, int fd, unsigned events)
{
	struct ew_bundles *b = context;
	char buffer[4096];

	(void)events;
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	ew_timer_start(b->timer, SOON_NS);
}

struct ew_bundles *
ew_bundles_new(struct ew_loop *loop, const char *root, const char *cni_results,
    bool is_explicit, ew_docker_send_fn send, void *context)
{
	struct ew_bundles *b = ew_alloc(sizeof(*b));

	b->is_explicit = is_explicit;
	(void)snprintf(b->tasks, sizeof(b->tasks), "%s/" TASKS, root);
	(void)ew_text_copy(b->cni, sizeof(b->cni), cni_results);
	(void)ew_text_copy(b->status.name, sizeof(b->status.name), "containerd");
	b->send = send;
	b->context = context;
	b->timer = ew_timer_new(loop, look, b);
	b->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (b->inotify >= 0) /* without, the period alone has to do */
		b->watch = ew_watch_new(loop, b->inotify, EW_WATCH_READ, on_inotify, b);
	ew_timer_start(b->timer, 0);
	return b;
}

static void
free_table(struct known **table)
{
	struct known *k, *next;

	for (k = *table; k; k = next) {
		next = k->hh.next;
		forget(table, k);
	}
}

void
ew_bundles_free(struct ew_bundles *b)
{
	if (!b)
		return;
	ew_watch_free(b->watch);
	if (b->inotify >= 0)
		close(b->inotify);
	ew_timer_free(b->timer);
	free_table(&b->instances);
	free_table(&b->networks);
	free(b->results);
	free(b);
}

const struct ew_runtime_status *
ew_bundles_status(const struct ew_bundles *bundles)
{
	return &bundles->status;
}
