/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * Sources: one small struct of functions stands between "packets come from somewhere" and
 * the rest. Two kinds exist: live.c (libpcap on this node's interfaces) and file.c (pcap and
 * pcapng, by our own reader, since replay is measured against libpcap's). A third kind is a
 * new file with a new table. This file only forwards, so that callers see functions.
 */
#include "capture/capture.h"

#include "capture/frame.h"
#include "capture/source_priv.h"

/* 16 MiB hold 0.5 s of 100,000 cooked records a second; see notes on live.c. */
struct ew_capture_conf
ew_capture_conf_default(void)
{
	return (struct ew_capture_conf){
		.mode = EW_CAPTURE_ANY,
		.profile = EW_CAPTURE_CONNECTIONS,
		.ring_bytes = UINT64_C(16) << 20,
		.snap_bytes = 192,
		.workers = 1,
	};
}

int
ew_source_read(struct ew_source *source, struct ew_frame *frames, size_t max,
    size_t *ret_count)
{
	*ret_count = 0;
	return source->ops->read(source, frames, max, ret_count);
}

const struct ew_error *
ew_source_error(const struct ew_source *source)
{
	return &source->error;
}

int
ew_source_fd(const struct ew_source *source)
{
	return source->ops->fd ? source->ops->fd(source) : -1;
}

void
ew_source_stats(struct ew_source *source, struct ew_source_stats *ret_stats)
{
	source->ops->stats(source, ret_stats);
}

int
ew_source_set_filter(struct ew_source *source, enum ew_capture_profile profile,
    const struct ew_capture_pair *pairs, size_t count)
{
	if (count > EW_CAPTURE_ZOOM_MAX)
		return EW_ERR_LIMIT;
	return source->ops->set_filter(source, profile, pairs, count);
}

void
ew_source_discard_before(struct ew_source *source, int64_t ts_ns)
{
	if (source->ops->discard_before)
		source->ops->discard_before(source, ts_ns);
}

int
ew_source_add_interface(struct ew_source *source, uint32_t ifindex,
    struct ew_error *error)
{
	if (!source->ops->add_interface)
		return ew_error_set(error, EW_ERR_USAGE,
		    "this capture does not open single interfaces");
	return source->ops->add_interface(source, ifindex, error);
}

int
ew_source_remove_interface(struct ew_source *source, uint32_t ifindex)
{
	if (!source->ops->remove_interface)
		return EW_ERR_USAGE;
	return source->ops->remove_interface(source, ifindex);
}

void
ew_source_close(struct ew_source *source)
{
	if (source)
		source->ops->close(source);
}
