/*
 * A plugin for QEMU's emulator: counts the instructions that run, by whose they are, into a file that the lab maps too, and, where it is
 * asked, by translated block.
 *
 *   -plugin counter.so,counts=FILE[,blocks=FILE]
 *
 * No package brings QEMU's header for plugins, so the few declarations that are needed stand here: version 1 of that interface, which
 * QEMU 4.2 to 9 have (docs/devel/tcg-plugins in QEMU's source).
 *
 * FILE of the counts holds unsigned 64-bit numbers in the order of `enum count`, FILE of the blocks a table of `struct block`. Both can be read
 * while QEMU runs.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*tb_trans_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_trans_cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;

/* The layout of FILE; `count.rs` has the same. Each turn of a string instruction counts both as one and in `REPEATED`. */
enum count { HYPERVISOR, KERNEL, USER, REPEATED, COUNTS };

static uint64_t *counts;

/* Blocks: an open table by address. A block that is translated again counts on in its place. */
struct block {
    uint64_t address;
    uint64_t instructions;
};
#define BLOCKS (1u << 20)
static struct block *blocks;

/* Xen's own addresses (`HYPERVISOR_VIRT_START`), the rest of the upper half, and the lower half. */
static enum count whose(uint64_t address)
{
    if (address >> 63 == 0)
        return USER;
    return address >= 0xffff800000000000 && address < 0xffff880000000000 ? HYPERVISOR : KERNEL;
}

/* A string instruction with a repeat prefix, one turn of which is one instruction to QEMU. */
static bool is_repeated(const uint8_t *code, size_t size)
{
    bool prefix = false;
    size_t at = 0;
    for (; at < size; at++) {
        if (code[at] == 0xf2 || code[at] == 0xf3)
            prefix = true;
        else if ((code[at] & 0xf0) != 0x40 && code[at] != 0x66 && code[at] != 0x67)
            break;
    }
    if (!prefix || at >= size)
        return false;
    switch (code[at]) {
    case 0xa4 ... 0xa7: /* movs, cmps */
    case 0xaa ... 0xaf: /* stos, lods, scas */
        return true;
    default:
        return false;
    }
}

static uint64_t *block_counter(uint64_t address)
{
    uint64_t at = address * 0x9e3779b97f4a7c15 >> 44;
    for (size_t tries = 0; tries < 64; tries++, at = (at + 1) % BLOCKS) {
        if (blocks[at].address == 0)
            blocks[at].address = address;
        if (blocks[at].address == address)
            return &blocks[at].instructions;
    }
    return NULL;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &counts[whose(address)], n);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (is_repeated(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn)))
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counts[REPEATED], 1);
    }
    uint64_t *counter = blocks ? block_counter(address) : NULL;
    if (counter)
        qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, counter, n);
}

static void *map(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return NULL;
    void *at = ftruncate(fd, size) < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const char *path = strchr(argv[i], '=');
        if (path && !strncmp(argv[i], "counts=", 7))
            counts = map(path + 1, COUNTS * sizeof *counts);
        else if (path && !strncmp(argv[i], "blocks=", 7))
            blocks = map(path + 1, BLOCKS * sizeof *blocks);
    }
    if (!counts)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
