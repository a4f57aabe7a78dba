/*
 * Two ranks: a ping-pong, then one-sided puts and gets into each other's window, with every byte checked.
 * Prints "ok", the microseconds of a ping-pong's one way, and the 10^6 bytes a second of puts.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (256 * 1024)
#define TURNS 200
#define PUTS 20

static unsigned char window[SIZE], mine[SIZE];

static unsigned char expected(int rank, int turn, int at)
{
    return (unsigned char)(rank * 91 + turn * 17 + at * 7 + (at >> 8));
}

static void fill(int rank, int turn)
{
    for (int i = 0; i < SIZE; i++)
        mine[i] = expected(rank, turn, i);
}

static void check(const unsigned char *bytes, int rank, int turn, const char *what)
{
    for (int i = 0; i < SIZE; i++) {
        if (bytes[i] != expected(rank, turn, i)) {
            fprintf(stderr, "%s, turn %d: byte %d is wrong\n", what, turn, i);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
}

static double ping_pong(int rank, int other)
{
    char byte = 0;
    double start = MPI_Wtime();

    for (int i = 0; i < TURNS; i++) {
        if (rank == 0)
            MPI_Send(&byte, 1, MPI_CHAR, other, 0, MPI_COMM_WORLD);
        MPI_Recv(&byte, 1, MPI_CHAR, other, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank != 0)
            MPI_Send(&byte, 1, MPI_CHAR, other, 0, MPI_COMM_WORLD);
    }
    return (MPI_Wtime() - start) / (2 * TURNS) * 1e6;
}

int main(int argc, char **argv)
{
    int rank, ranks, other;
    double one_way, puts = 0;
    MPI_Win win;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks != 2) {
        fprintf(stderr, "two ranks are wanted, not %d\n", ranks);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    other = 1 - rank;
    one_way = ping_pong(rank, other);

    MPI_Win_create(window, SIZE, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    for (int turn = 0; turn < PUTS; turn++) {
        double start;

        fill(rank, turn);
        MPI_Win_fence(0, win);
        start = MPI_Wtime();
        MPI_Put(mine, SIZE, MPI_BYTE, other, 0, SIZE, MPI_BYTE, win);
        MPI_Win_fence(0, win);
        puts += MPI_Wtime() - start;
        check(window, other, turn, "put");

        memset(mine, 0, SIZE);
        MPI_Get(mine, SIZE, MPI_BYTE, other, 0, SIZE, MPI_BYTE, win);
        MPI_Win_fence(0, win);
        /* What this rank has put there. */
        check(mine, rank, turn, "get");
    }
    MPI_Win_free(&win);
    if (rank == 0)
        printf("ok %.1f %.2f\n", one_way, (double)SIZE * PUTS / puts / 1e6);
    MPI_Finalize();
    return 0;
}
