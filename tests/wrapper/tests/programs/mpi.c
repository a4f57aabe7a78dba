/*
 * mpi ROUNDS: two ranks, ping-pongs of two sizes, then puts and gets into each other's windows. Every byte is checked.
 * Prints the microseconds of a ping-pong's one way, and the 10^6 bytes a second of puts.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UPS 20
#define WINDOW (256 * 1024)
#define TURNS 20

static unsigned char window[WINDOW], mine[WINDOW];

static void pingpong(int rank, int bytes, int rounds)
{
    unsigned char *out = malloc(bytes), *in = malloc(bytes);
    double start = 0;

    for (int round = -WARM_UPS; round < rounds; round++) {
        if (round == 0)
            start = MPI_Wtime();
        memset(out, round & 0xff, bytes);
        if (rank == 0) {
            MPI_Send(out, bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
            MPI_Recv(in, bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else {
            MPI_Recv(in, bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(out, bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
        }
        if (memcmp(in, out, bytes)) {
            fprintf(stderr, "round %d: other bytes\n", round);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
    if (rank == 0)
        printf("%d B: %f\n", bytes, (MPI_Wtime() - start) / rounds / 2 * 1e6);
    free(out);
    free(in);
}

/* No two places of a rank's turns are alike for long. */
static unsigned char expected(int rank, int turn, int at)
{
    return (unsigned char)(rank * 91 + turn * 17 + at * 7 + (at >> 8));
}

static void check(const unsigned char *bytes, int rank, int turn, const char *what)
{
    for (int i = 0; i < WINDOW; i++) {
        if (bytes[i] != expected(rank, turn, i)) {
            fprintf(stderr, "%s, turn %d: byte %d is wrong\n", what, turn, i);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
}

static void onesided(int rank)
{
    int other = 1 - rank;
    double seconds = 0;
    MPI_Win win;

    MPI_Win_create(window, WINDOW, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    for (int turn = 0; turn < TURNS; turn++) {
        double start;

        for (int i = 0; i < WINDOW; i++)
            mine[i] = expected(rank, turn, i);
        MPI_Win_fence(0, win);
        start = MPI_Wtime();
        MPI_Put(mine, WINDOW, MPI_BYTE, other, 0, WINDOW, MPI_BYTE, win);
        MPI_Win_fence(0, win);
        seconds += MPI_Wtime() - start;
        check(window, other, turn, "put");

        memset(mine, 0, WINDOW);
        MPI_Get(mine, WINDOW, MPI_BYTE, other, 0, WINDOW, MPI_BYTE, win);
        MPI_Win_fence(0, win);
        /* What this rank has put there. */
        check(mine, rank, turn, "get");
    }
    MPI_Win_free(&win);
    if (rank == 0)
        printf("put and get are right, put: %f\n", (double)WINDOW * TURNS / seconds / 1e6);
}

int main(int argc, char **argv)
{
    int rank, ranks, rounds;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    rounds = argc == 2 ? atoi(argv[1]) : 0;
    if (ranks != 2 || rounds <= 0) {
        fprintf(stderr, "usage: mpirun -np 2 mpi ROUNDS\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    pingpong(rank, 8, rounds);
    pingpong(rank, 65536, rounds);
    onesided(rank);
    MPI_Finalize();
    return 0;
}
