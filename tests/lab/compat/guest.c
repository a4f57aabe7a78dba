/*
 * A PVH guest of 32 bits: nothing but Argo's operations as such a guest calls them. It powers off where all went as it should, and
 * crashes where not, with a word on Xen's console.
 *
 * Xen hands a 32-bit caller's operations on as they are, but for sendv's buffers, whose descriptions are of 12 bytes instead
 * of 16. No kernel of Debian's for 64 bits makes such calls, whatever runs on it: hence a kernel of our own. It starts as every
 * PVH guest does, in protected mode without paging, so an address is a frame and an offset.
 */
#include <stddef.h>
#include <stdint.h>

/* xen/include/public: xen.h, sched.h, argo.h, arch-x86/cpuid.h, elfnote.h */
#define HYPERCALL_CONSOLE	18
#define HYPERCALL_SCHED		29
#define HYPERCALL_ARGO		39
#define SCHEDOP_SHUTDOWN	2
#define SHUTDOWN_POWEROFF	0
#define SHUTDOWN_CRASH		3
#define ARGO_REGISTER		1
#define ARGO_UNREGISTER		2
#define ARGO_SENDV		3
#define ARGO_ANY		0x7ff4
#define CPUID_HYPERCALLS	0x40000002
#define CPUID_HVM		0x40000004
#define CPUID_HVM_DOMID		(1u << 4)
#define EINVAL			22

#define PAGE	4096u
/* Room for a message that Xen copies in several chunks. */
#define PAGES	100u
#define HEADER	64u
#define LEN	(PAGES * PAGE - HEADER)
#define LONG	300001u
#define PORT	77u
#define KIND	0x12345678u

struct addr {
	uint32_t port;
	uint16_t domain;
	uint16_t pad;
};

struct registration {
	uint32_t port;
	uint16_t partner;
	uint16_t pad;
	uint32_t len;
};

struct send {
	struct addr src;
	struct addr dst;
};

/* A buffer as 32-bit guests describe it. */
struct buffer {
	uint32_t at;
	uint32_t len;
	uint32_t pad;
};

/* A message in the ring. */
struct message {
	uint32_t len;
	struct addr src;
	uint32_t kind;
	uint8_t data[];
};

static uint8_t calls[PAGE] __attribute__((aligned(4096)));
static uint8_t ring[PAGES * PAGE] __attribute__((aligned(4096)));
static uint8_t sent[LONG];
static uint64_t frames[PAGES];
uint8_t stack[4 * PAGE] __attribute__((aligned(16)));

/* Where Xen starts the guest (XEN_ELFNOTE_PHYS32_ENTRY, 18). */
__asm__(".section .note.Xen, \"a\", @note\n"
	".long 4, 4, 18\n"
	".asciz \"Xen\"\n"
	".long start\n"
	".text\n"
	".globl start\n"
	"start:\n"
	"	mov $stack + 4 * 4096, %esp\n"
	"	call run\n"
	"	hlt\n");

static int32_t call(uint32_t number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e)
{
	/* One entry of 32 bytes for each hypercall. Xen may change the registers of the arguments. */
	uint32_t result = (uint32_t)calls + number * 32;

	__asm__ volatile("call *%0" : "+a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e) : : "memory");
	return (int32_t)result;
}

static void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c)
{
	uint32_t d;

	*a = leaf;
	*c = 0;
	__asm__ volatile("cpuid" : "+a"(*a), "=b"(*b), "+c"(*c), "=d"(d));
}

/* Xen shows only so many lines of guests in five seconds, and a new domain has taken them. */
#define SILENCE	(20ull * 1000 * 1000 * 1000)

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void say(const char *text)
{
	static int before;
	uint64_t start = ticks();
	uint32_t len = 0;

	while (!before && ticks() - start < SILENCE)
		;
	before = 1;
	while (text[len])
		len++;
	call(HYPERCALL_CONSOLE, 0, len, (uint32_t)text, 0, 0);
}

/* Says what was tried, and how it went; whether it went as it should. */
static int expect(const char *what, int32_t wanted, int32_t got)
{
	char line[] = "32-bit: result 0x........ instead of 0x........ of:\n";
	const char *digits = "0123456789abcdef";
	int i;

	if (wanted == got)
		return 1;
	for (i = 0; i < 8; i++) {
		line[17 + i] = digits[((uint32_t)got >> (28 - 4 * i)) & 15];
		line[39 + i] = digits[((uint32_t)wanted >> (28 - 4 * i)) & 15];
	}
	say(line);
	say(what);
	return 0;
}

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 8));
}

static uint32_t tx(void)
{
	return *(volatile uint32_t *)(ring + 4);
}

static void set_rx(uint32_t at)
{
	*(volatile uint32_t *)ring = at;
}

/* Whether the message at the ring's start holds the first bytes of what was sent, and came from this domain. */
static int arrived(uint16_t own, uint32_t len)
{
	const volatile struct message *message = (const void *)(ring + HEADER);
	uint32_t i;

	if (message->len != len + sizeof(struct message) || message->kind != KIND || message->src.domain != own)
		return 0;
	for (i = 0; i < len; i++)
		if (message->data[i] != pattern(i))
			return 0;
	return 1;
}

static int all(uint16_t own)
{
	struct registration self = { .port = PORT, .partner = ARGO_ANY, .len = LEN };
	struct send to = { { .port = 1, .domain = ARGO_ANY }, { .port = PORT, .domain = own } };
	struct buffer two[] = { { (uint32_t)sent, 5, 0 }, { (uint32_t)sent + 5, 6, 0 } };
	struct buffer many[] = { { (uint32_t)sent, 1, 0 }, { (uint32_t)sent + 1, LONG - 1, 0 } };
	struct buffer padded = { (uint32_t)sent, 5, 1 };
	int ok = 1;

	ok &= expect("register\n", 0, call(HYPERCALL_ARGO, ARGO_REGISTER, (uint32_t)&self, (uint32_t)frames, PAGES, 0));
	ok &= expect("sendv of two buffers\n", 11,
		     call(HYPERCALL_ARGO, ARGO_SENDV, (uint32_t)&to, (uint32_t)two, 2, KIND));
	ok &= expect("two buffers in the ring\n", 1, arrived(own, 11));
	ok &= expect("sendv of a buffer with padding\n", -EINVAL,
		     call(HYPERCALL_ARGO, ARGO_SENDV, (uint32_t)&to, (uint32_t)&padded, 1, KIND));
	/* Unregistered and registered again, the ring begins at its start. */
	ok &= expect("unregister\n", 0, call(HYPERCALL_ARGO, ARGO_UNREGISTER, (uint32_t)&self, 0, 0, 0));
	set_rx(0);
	*(volatile uint32_t *)(ring + 4) = 0;
	ok &= expect("register again\n", 0,
		     call(HYPERCALL_ARGO, ARGO_REGISTER, (uint32_t)&self, (uint32_t)frames, PAGES, 0));
	ok &= expect("sendv of a long message\n", LONG,
		     call(HYPERCALL_ARGO, ARGO_SENDV, (uint32_t)&to, (uint32_t)many, 2, KIND));
	ok &= expect("the long message in the ring\n", 1, arrived(own, LONG));
	ok &= expect("the ring's end of it\n", 1, tx() >= LONG);
	return ok;
}

void run(void)
{
	uint32_t a, msr, domain, i, reason = SHUTDOWN_CRASH;

	cpuid(CPUID_HYPERCALLS, &a, &msr, &domain);
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)calls), "d"(0) : "memory");
	cpuid(CPUID_HVM, &a, &msr, &domain);
	for (i = 0; i < PAGES; i++)
		frames[i] = (uint32_t)ring / PAGE + i;
	for (i = 0; i < LONG; i++)
		sent[i] = pattern(i);
	if (!(a & CPUID_HVM_DOMID))
		say("32-bit: Xen does not say which domain this is\n");
	else if (all((uint16_t)domain))
		reason = SHUTDOWN_POWEROFF;
	call(HYPERCALL_SCHED, SCHEDOP_SHUTDOWN, (uint32_t)&reason, 0, 0, 0);
}
