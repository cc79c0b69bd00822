/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * Live packets by libpcap. In `any` mode one handle sees every interface of this namespace,
 * those to come included, so there is no race with a container that starts; each record
 * says which interface and which way (DLT_LINUX_SLL2). In `interfaces` mode each interface
 * has two handles, one per direction: an Ethernet record does not say which way it went,
 * and only the filter (SKF_AD_PKTTYPE) can tell. Never promiscuous: a bridge would pass
 * a third copy of everything up.
 *
 * Latency and cost: TPACKET_V3 hands over a block when it is full or BLOCK_TIMEOUT_MS old.
 * 100 ms is half of the 200 ms by which the watermark trails while idle, a tenth of the
 * second in which a signal must be visible, and costs ten wakeups a second on a busy
 * machine, none on a quiet one. (Immediate mode would be TPACKET_V2: 0.1 ms, a wakeup per
 * packet.) The ring fills with records, not bytes: at most 304 bytes each with 192 of packet,
 * so 16 MiB take a burst of 55,000 and 64 MiB one of 220,000.
 *
 * The filter is attached by SO_ATTACH_FILTER behind libpcap's back, which replaces it in one
 * step; pcap_setfilter drains the ring and loses packets. libpcap has then no program of its
 * own and passes on what the kernel lets through.
 *
 * Records are copied out of the ring: libpcap gives a block back to the kernel with the last
 * record's callback, and frames here live until the next read. With snapped records that is
 * some 10 ns each.
 */
#include <errno.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "capture/capture.h"
#include "capture/filter_priv.h"
#include "capture/frame.h"
#include "capture/live_priv.h"
#include "capture/merge_priv.h"
#include "capture/source_priv.h"

#define BLOCK_TIMEOUT_MS 100
#define ARENA_BYTES ((size_t)1 << 20) /* copies of one batch */
/* interfaces mode: a block's age, and a margin for the softirq that hands it over; still
   below the 200 ms by which the watermark of an idle worker trails */
#define HOLD_NS (180 * EW_NS_PER_MS)
#define HOLD_BYTES ((size_t)8 << 20) /* 50,000 records of 150 bytes in that time */
#define HOLD_FRAMES 65536
#define LINGER_NS (EW_NS_PER_S) /* a lost interface's last block, on a busy machine */
#define LINK_BYTES_MAX 20	/* SLL2 */
#define INTERFACES_MAX 1024
#define WORKERS_MAX 4

struct handle {
	pcap_t *pcap;
	uint32_t ifindex; /* 0: any */
	enum ew_filter_direction direction;
	uint8_t link;
	uint8_t seen;
	int64_t lost_ns; /* when its interface went; its last block is still to come */
};

struct live_source {
	struct ew_source source;
	struct ew_capture_conf conf;
	struct handle *handles;
	size_t count;
	int poll_fd; /* of the any handle, or an epoll over all */
	uint16_t fanout_group;
	uint32_t record_max; /* bytes of the longest record the filter lets through */
	int64_t discard_before_ns;
	uint64_t closed_kernel_drops; /* of handles that are gone */
	uint64_t closed_interface_drops;
	struct ew_source_stats stats;
	struct ew_filter filter; /* scratch for building */
	enum ew_capture_profile profile;
	struct ew_capture_pair
	    pairs[EW_CAPTURE_ZOOM_MAX]; /* for handles opened later */
	size_t pair_count;
	uint8_t *arena;	       /* any mode: copies of the batch that is handed out */
	struct ew_merge merge; /* interfaces mode: copies of what waits */
	int64_t gathered_ns;   /* when the rings were last emptied into it */
	int64_t complete_ns;   /* up to here it has everything */
};

/* One pcap_dispatch: where the callback puts what it gets. */
struct batch {
	struct live_source *self;
	const struct handle *handle;
	struct ew_frame *frames; /* any mode */
	size_t count;
	size_t arena_used;
};

static struct live_source *
self_of(struct ew_source *source)
{
	return (struct live_source *)source; /* the first member */
}

/* --- handles ---------------------------------------------------------------------------- */

static int
explain_activate(pcap_t *pcap, int status, const char *device, struct ew_error *error)
{
	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return ew_error_set(error, -EPERM,
		    "cannot capture on %s: CAP_NET_RAW is missing; run as root or give "
		    "the "
		    "service AmbientCapabilities=CAP_NET_RAW",
		    device);
	case PCAP_ERROR_NO_SUCH_DEVICE:
	case PCAP_ERROR_IFACE_NOT_UP:
		return ew_error_set(error, -ENODEV, "cannot capture on %s: %s", device,
		    pcap_geterr(pcap));
	default:
		return ew_error_set(error, -EIO, "cannot capture on %s: %s (%s)",
		    device, pcap_geterr(pcap), pcap_statustostr(status));
	}
}

static int
choose_link(struct handle *handle, struct ew_error *error)
{
	if (handle->ifindex == 0) {
		if (pcap_set_datalink(handle->pcap, DLT_LINUX_SLL2) != 0)
			return ew_error_set(error, EW_ERR_VERSION,
			    "libpcap cannot capture with DLT_LINUX_SLL2: %s; 1.10 is "
			    "needed",
			    pcap_geterr(handle->pcap));
		handle->link = EW_LINK_SLL2;
		return 0;
	}
	const int dlt = pcap_datalink(handle->pcap);
	handle->link = dlt == DLT_EN10MB ? EW_LINK_ETHERNET
	    : dlt == DLT_LINUX_SLL2	 ? EW_LINK_SLL2
	    : dlt == DLT_LINUX_SLL	 ? EW_LINK_SLL
	    : dlt == DLT_RAW		 ? EW_LINK_RAW
					 : EW_LINK_UNKNOWN;
	return 0;
}

/* Open one device, without a filter. */
static int
open_handle(const struct live_source *self, const char *device, struct handle *handle,
    struct ew_error *error)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	const uint64_t ring = self->conf.ring_bytes;

	handle->pcap = pcap_create(device, text);
	if (!handle->pcap)
		return ew_error_set(error, -ENOMEM, "cannot capture on %s: %s", device,
		    text);
	pcap_set_snaplen(handle->pcap, UINT16_MAX);
	pcap_set_timeout(handle->pcap, BLOCK_TIMEOUT_MS);
	pcap_set_buffer_size(handle->pcap, ring > INT32_MAX ? INT32_MAX : (int)ring);
	pcap_set_tstamp_precision(handle->pcap, PCAP_TSTAMP_PRECISION_NANO);
	const int status = pcap_activate(handle->pcap);
	int rc = status < 0 ? explain_activate(handle->pcap, status, device, error) : 0;
	if (rc == 0)
		rc = choose_link(handle, error);
	if (rc == 0 && pcap_setnonblock(handle->pcap, 1, text) != 0)
		rc =
		    ew_error_set(error, -EIO, "cannot capture on %s: %s", device, text);
	if (rc) {
		pcap_close(handle->pcap);
		handle->pcap = NULL;
	}
	return rc;
}

/* Bytes before the network header in what the kernel's filter sees. */
static uint32_t
filter_link_bytes(const struct handle *handle)
{
	return handle->link == EW_LINK_ETHERNET ? 14 : 0;
}

static int
attach(struct live_source *self, const struct handle *handle)
{
	const struct ew_filter_spec spec = {
		.profile = self->profile,
		.snap_bytes = self->conf.snap_bytes,
		.link_bytes = filter_link_bytes(handle),
		.direction = handle->direction,
		.pairs = self->pairs,
		.count = self->pair_count,
	};

	ew_filter_build(&spec, &self->filter);
	return ew_filter_attach(pcap_fileno(handle->pcap), &self->filter);
}

static void
add_drops(const struct handle *handle, uint64_t *kernel, uint64_t *interface)
{
	struct pcap_stat stat;

	if (pcap_stats(handle->pcap, &stat) != 0)
		return;
	*kernel += stat.ps_drop;
	*interface += stat.ps_ifdrop;
}

static void
close_handle(struct live_source *self, size_t i)
{
	struct handle *handle = &self->handles[i];

	add_drops(handle, &self->closed_kernel_drops, &self->closed_interface_drops);
	pcap_close(handle->pcap);
	*handle = self->handles[--self->count];
}

/*
 * An interface has gone: the normal end of a veth. What it saw last lies in a block that the
 * kernel has not handed over, so the handle is read on for a while, without being polled.
 */
static void
lose_handle(struct live_source *self, struct handle *handle)
{
	if (handle->lost_ns)
		return;
	handle->lost_ns = ew_mono_from_wall_clock().ns;
	epoll_ctl(self->poll_fd, EPOLL_CTL_DEL, pcap_fileno(handle->pcap), NULL);
}

/* --- reading ---------------------------------------------------------------------------- */

static void
take_record(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct batch *batch = (struct batch *)(void *)user;
	struct live_source *self = batch->self;
	/* libpcap calls it tv_usec; with nanosecond precision it holds nanoseconds */
	const int64_t ts_ns = header->ts.tv_sec * EW_NS_PER_S + header->ts.tv_usec;

	if (ts_ns < self->discard_before_ns)
		return;
	/* longer ones exist only from before the filter was attached */
	struct ew_frame frame = {
		.ts_ns = ts_ns,
		.data = bytes,
		.caplen = header->caplen < self->record_max ? header->caplen
							    : self->record_max,
		.len = header->len,
		.ifindex = batch->handle->ifindex,
		.link = batch->handle->link,
		.seen = batch->handle->seen,
	};
	self->stats.bytes += header->len - (frame.link == EW_LINK_SLL2 ? 20 : 0);
	if (!batch->frames) {
		ew_merge_add(&self->merge, &frame);
		return;
	}
	frame.data = self->arena + batch->arena_used;
	memcpy(self->arena + batch->arena_used, bytes, frame.caplen);
	batch->arena_used += (frame.caplen + 15U) & ~15U;
	batch->frames[batch->count++] = frame;
}

static int
read_any(struct live_source *self, struct ew_frame *frames, size_t max,
    size_t *ret_count)
{
	struct batch batch = { .self = self,
		.handle = self->handles,
		.frames = frames };
	const size_t room = ARENA_BYTES / ((self->record_max + 15U) & ~15U);

	const int got = pcap_dispatch(batch.handle->pcap,
	    (int)(max < room ? max : room), take_record, (u_char *)(void *)&batch);
	if (got < 0 && batch.count == 0)
		return ew_error_set(&self->source.error, -ENETDOWN,
		    "capture on any: %s", pcap_geterr(batch.handle->pcap));
	*ret_count = batch.count;
	return 0;
}

/* Empty each ring into the merge. A handle that fails has lost its interface. */
static void
gather(struct live_source *self)
{
	ew_merge_begin(&self->merge);
	for (size_t i = self->count; i-- > 0;) {
		struct batch batch = { .self = self, .handle = &self->handles[i] };
		const size_t room = ew_merge_room(&self->merge, self->record_max);
		if (room == 0)
			break;
		if (pcap_dispatch(batch.handle->pcap, (int)room, take_record,
			(u_char *)(void *)&batch) < 0)
			lose_handle(self, &self->handles[i]);
		if (self->handles[i].lost_ns &&
		    self->handles[i].lost_ns + LINGER_NS < self->gathered_ns)
			close_handle(self, i);
	}
	ew_merge_end(&self->merge);
}

static int
read_merged(struct live_source *self, struct ew_frame *frames, size_t max,
    size_t *ret_count)
{
	struct ew_merge *merge = &self->merge;

	*ret_count = ew_merge_take(merge, frames, max, self->complete_ns);
	if (*ret_count > 0)
		return 0;
	/* what is older than this now lies in the rings, whatever comes later */
	self->gathered_ns = ew_mono_from_wall_clock().ns;
	self->complete_ns = self->gathered_ns - HOLD_NS;
	gather(self);
	if (ew_merge_room(merge, self->record_max) == 0)
		self->complete_ns = INT64_MAX;
	*ret_count = ew_merge_take(merge, frames, max, self->complete_ns);
	return 0;
}

static int
live_read(struct ew_source *source, struct ew_frame *frames, size_t max,
    size_t *ret_count)
{
	struct live_source *self = self_of(source);
	const int rc = self->conf.mode == EW_CAPTURE_ANY
	    ? read_any(self, frames, max, ret_count)
	    : read_merged(self, frames, max, ret_count);

	self->stats.frames += *ret_count;
	return rc;
}

static int
live_fd(const struct ew_source *source)
{
	return ((const struct live_source *)source)->poll_fd;
}

static void
live_stats(struct ew_source *source, struct ew_source_stats *ret_stats)
{
	struct live_source *self = self_of(source);

	*ret_stats = self->stats;
	ret_stats->kernel_drops = self->closed_kernel_drops;
	ret_stats->interface_drops = self->closed_interface_drops;
	for (size_t i = 0; i < self->count; i++)
		add_drops(&self->handles[i], &ret_stats->kernel_drops,
		    &ret_stats->interface_drops);
}

static uint32_t
record_max(const struct live_source *self, enum ew_capture_profile profile)
{
	const uint32_t snap =
	    profile == EW_CAPTURE_ALL && self->conf.snap_bytes > EW_FILTER_SNAP_LONG
	    ? self->conf.snap_bytes
	    : EW_FILTER_SNAP_LONG;

	return snap + LINK_BYTES_MAX;
}

static int
live_set_filter(struct ew_source *source, enum ew_capture_profile profile,
    const struct ew_capture_pair *pairs, size_t count)
{
	struct live_source *self = self_of(source);

	self->profile = profile;
	self->record_max = record_max(self, profile);
	memcpy(self->pairs, pairs, count * sizeof(*pairs));
	self->pair_count = count;
	for (size_t i = 0; i < self->count; i++) {
		const int rc = attach(self, &self->handles[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static void
live_discard_before(struct ew_source *source, int64_t ts_ns)
{
	self_of(source)->discard_before_ns = ts_ns;
}

/* --- interfaces mode -------------------------------------------------------------------- */

static int
add_direction(struct live_source *self, const char *device, const struct handle *wanted,
    struct ew_error *error)
{
	struct handle *handle = &self->handles[self->count];

	*handle = *wanted;
	int rc = open_handle(self, device, handle, error);
	if (rc)
		return rc;
	self->count++;
	struct epoll_event event = { .events = EPOLLIN };
	rc = attach(self, handle);
	if (rc == 0 &&
	    epoll_ctl(self->poll_fd, EPOLL_CTL_ADD, pcap_fileno(handle->pcap),
		&event) != 0)
		rc = -errno;
	if (rc)
		return ew_error_set(error, rc, "cannot capture on %s: %s", device,
		    ew_err_text(rc));
	return 0;
}

static int
live_remove_interface(struct ew_source *source, uint32_t ifindex)
{
	struct live_source *self = self_of(source);
	int rc = -ENOENT;

	if (self->conf.mode != EW_CAPTURE_INTERFACES)
		return EW_ERR_USAGE;
	for (size_t i = self->count; i-- > 0;) {
		if (self->handles[i].ifindex != ifindex || self->handles[i].lost_ns)
			continue;
		lose_handle(self, &self->handles[i]);
		rc = 0;
	}
	return rc;
}

static int
live_add_interface(struct ew_source *source, uint32_t ifindex, struct ew_error *error)
{
	struct live_source *self = self_of(source);
	char device[IF_NAMESIZE];

	if (self->conf.mode != EW_CAPTURE_INTERFACES)
		return ew_error_set(error, EW_ERR_USAGE,
		    "this capture is on any interface already");
	for (size_t i = 0; i < self->count; i++)
		if (self->handles[i].ifindex == ifindex && !self->handles[i].lost_ns)
			return ew_error_set(error, -EEXIST,
			    "interface %u is open already", ifindex);
	if (self->count + 2 > (size_t)2 * INTERFACES_MAX)
		return ew_error_set(error, EW_ERR_LIMIT,
		    "%d interfaces are open already; capture.mode any has no such "
		    "limit",
		    INTERFACES_MAX);
	if (!if_indextoname(ifindex, device))
		return ew_error_set(error, -ENODEV, "interface %u is gone", ifindex);
	const struct handle in = { .ifindex = ifindex,
		.direction = EW_FILTER_IN,
		.seen = EW_SEEN_OTHER };
	const struct handle out = { .ifindex = ifindex,
		.direction = EW_FILTER_OUT,
		.seen = EW_SEEN_OUTGOING };
	int rc = add_direction(self, device, &in, error);
	if (rc == 0)
		rc = add_direction(self, device, &out, error);
	if (rc)
		live_remove_interface(source, ifindex);
	return rc;
}

/* --- open and close --------------------------------------------------------------------- */

static void
live_close(struct ew_source *source)
{
	struct live_source *self = self_of(source);

	for (size_t i = 0; i < self->count; i++)
		pcap_close(self->handles[i].pcap);
	if (self->conf.mode == EW_CAPTURE_INTERFACES && self->poll_fd >= 0)
		close(self->poll_fd);
	free(self->handles);
	free(self->arena);
	ew_merge_fini(&self->merge);
	free(self);
}

static const struct ew_source_ops live_ops = {
	.read = live_read,
	.fd = live_fd,
	.stats = live_stats,
	.set_filter = live_set_filter,
	.discard_before = live_discard_before,
	.add_interface = live_add_interface,
	.remove_interface = live_remove_interface,
	.close = live_close,
};

static int
check_conf(const struct ew_capture_conf *conf, struct ew_error *error)
{
	if (conf->workers < 1 || conf->workers > WORKERS_MAX)
		return ew_error_set(error, EW_ERR_CONFIG, "capture.workers: 1 to %d",
		    WORKERS_MAX);
	if (conf->mode == EW_CAPTURE_INTERFACES && conf->workers > 1)
		return ew_error_set(error, EW_ERR_CONFIG,
		    "capture.mode interfaces works with capture.workers 1 only");
	if (conf->snap_bytes < 64 || conf->snap_bytes > UINT16_MAX)
		return ew_error_set(error, EW_ERR_CONFIG,
		    "capture.snap_length: 64 to 65535 bytes");
	return 0;
}

static int
open_any(struct live_source *self, struct live_source *leader, struct ew_error *error)
{
	struct handle *handle = &self->handles[0];

	handle->seen = EW_SEEN_UNKNOWN; /* SLL2 says it */
	int rc = open_handle(self, "any", handle, error);
	if (rc)
		return rc;
	self->count = 1;
	self->poll_fd = pcap_fileno(handle->pcap);
	rc = attach(self, handle);
	if (rc)
		return ew_error_set(error, rc, "cannot attach the capture filter: %s",
		    ew_err_text(rc));
	if (self->conf.workers > 1) {
		rc = leader ? ew_fanout_join(self->poll_fd, leader->fanout_group)
			    : ew_fanout_lead(self->poll_fd, &self->fanout_group);
		if (rc)
			return ew_error_set(error, rc,
			    "cannot share packets among workers (PACKET_FANOUT): %s; "
			    "set "
			    "capture.workers to 1",
			    ew_err_text(rc));
	}
	return 0;
}

int
ew_source_open_live(const struct ew_capture_conf *conf, struct ew_source *leader,
    struct ew_error *error, struct ew_source **ret_source)
{
	int rc = check_conf(conf, error);
	if (rc)
		return rc;
	struct live_source *self = ew_alloc(sizeof(*self));
	self->source.ops = &live_ops;
	self->conf = *conf;
	self->poll_fd = -1;
	self->profile = conf->profile;
	self->record_max = record_max(self, conf->profile);
	if (conf->mode == EW_CAPTURE_ANY) {
		self->arena = ew_alloc(ARENA_BYTES);
		self->handles = ew_alloc(sizeof(*self->handles));
		rc = open_any(self, leader ? self_of(leader) : NULL, error);
	} else {
		self->handles =
		    ew_alloc_array((size_t)2 * INTERFACES_MAX, sizeof(*self->handles));
		ew_merge_init(&self->merge, HOLD_FRAMES, HOLD_BYTES);
		self->poll_fd = epoll_create1(EPOLL_CLOEXEC);
		if (self->poll_fd < 0)
			rc = ew_error_set(error, -errno,
			    "cannot make an epoll descriptor");
	}
	if (rc) {
		live_close(&self->source);
		return rc;
	}
	*ret_source = &self->source;
	return 0;
}
