/* Two ranks: a ping-pong of two sizes whose bytes are checked, and windows into each other's memory. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 2000
#define WINDOW 100000

static void pingpong(int rank, int bytes)
{
    unsigned char *out = malloc(bytes), *in = malloc(bytes);
    double start = 0;

    for (int round = -100; round < ROUNDS; round++) {
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
        printf("%d B: %f\n", bytes, (MPI_Wtime() - start) / ROUNDS / 2 * 1e6);
    free(out);
    free(in);
}

static void onesided(int rank)
{
    static int mine[WINDOW], theirs[WINDOW], back[WINDOW];
    int other = 1 - rank;
    MPI_Win window;

    for (int i = 0; i < WINDOW; i++)
        theirs[i] = i * 2 + rank;
    MPI_Win_create(mine, sizeof mine, sizeof mine[0], MPI_INFO_NULL, MPI_COMM_WORLD, &window);
    MPI_Win_fence(0, window);
    MPI_Put(theirs, WINDOW, MPI_INT, other, 0, WINDOW, MPI_INT, window);
    MPI_Win_fence(0, window);
    MPI_Get(back, WINDOW, MPI_INT, other, 0, WINDOW, MPI_INT, window);
    MPI_Win_fence(0, window);
    for (int i = 0; i < WINDOW; i++)
        if (mine[i] != i * 2 + other || back[i] != theirs[i]) {
            fprintf(stderr, "rank %d: element %d: %d %d\n", rank, i, mine[i], back[i]);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    MPI_Win_free(&window);
    if (rank == 0)
        printf("put and get: right\n");
}

int main(int argc, char **argv)
{
    int rank;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    pingpong(rank, 8);
    pingpong(rank, 65536);
    onesided(rank);
    MPI_Finalize();
    return 0;
}
