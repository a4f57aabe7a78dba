// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* A caller's buffers. */
#include <linux/pagemap.h>
#include <linux/uio.h>
#include <linux/version.h>

#include "glue.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define iter_iov(iter)	((iter)->iov)
#endif

int v4v_c_iter_pieces(const struct iov_iter *iter, u32 len, struct v4v_iov *out, u32 max)
{
	const struct iovec *iov;
	size_t skip = iter->iov_offset;
	u32 n = 0;

	if (!len)
		return 0;
	if (iter_is_ubuf(iter)) {
		out[0] = (struct v4v_iov){ .base = (u64)iter->ubuf + skip, .len = len };
		return 1;
	}
	if (!iter_is_iovec(iter))
		return -1;
	for (iov = iter_iov(iter); len; iov++, skip = 0) {
		u32 part = min_t(size_t, iov->iov_len - skip, len);

		if (!part)
			continue;
		if (n == max)
			return -1;
		out[n++] = (struct v4v_iov){ .base = (u64)iov->iov_base + skip, .len = part };
		len -= part;
	}
	return n;
}

void v4v_c_iter_advance(struct iov_iter *iter, size_t len)
{
	iov_iter_advance(iter, len);
}

void v4v_c_iter_rewind(struct iov_iter *iter, size_t len)
{
	iov_iter_revert(iter, len);
}

size_t v4v_c_iter_count(const struct iov_iter *iter)
{
	return iov_iter_count(iter);
}

bool v4v_c_iter_fault_in(const struct iov_iter *iter, size_t len)
{
	return !fault_in_iov_iter_readable(iter, len);
}

bool v4v_c_iter_copy_from(void *to, size_t len, struct iov_iter *iter)
{
	return copy_from_iter_full(to, len, iter);
}

/*
 * copy_to_iter() would look up the ring's mapping in the kernel's tree at each call. The caller has checked the range
 * against the ring's length.
 */
bool v4v_c_iter_copy_to(const void *from, size_t len, struct iov_iter *iter)
{
	return _copy_to_iter(from, len, iter) == len;
}
