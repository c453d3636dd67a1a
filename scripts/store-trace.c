// Reads a trace of valgrind's lackey (--trace-mem=yes) on standard input and judges the stores in it:
//
//     store-trace PLACES < TRACE
//
// PLACES is what `faultprobe trace` prints: mapping, door (libpmem's code), fence (pmem_drain), marks (begin and end of
// a commit). A store to the mapping must come from the door, and none may lie between a commit's last fence and its end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long word;

static word mapping[64][2], door[8][2], fence, marks[2];
static int mappings, doors;

static int contains(word ranges[][2], int count, word address) {
    for (int i = 0; i < count; i++)
        if (address >= ranges[i][0] && address < ranges[i][1]) return 1;
    return 0;
}

static void read_places(const char *path) {
    FILE *file = fopen(path, "r");
    char line[256];
    if (!file) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    while (fgets(line, sizeof line, file)) {
        word a = 0, b = 0;
        if (sscanf(line, "mapping %llx %llx", &a, &b) == 2 && mappings < 64) {
            mapping[mappings][0] = a;
            mapping[mappings++][1] = b;
        } else if (sscanf(line, "door %llx %llx", &a, &b) == 2 && doors < 8) {
            door[doors][0] = a;
            door[doors++][1] = b;
        } else if (sscanf(line, "marks %llx %llx", &a, &b) == 2) {
            marks[0] = a;
            marks[1] = b;
        } else {
            sscanf(line, "fence %llx", &fence);
        }
    }
    fclose(file);
}

int main(int count, char **words) {
    char line[256];
    word counter = 0, stores = 0, around = 0, late = 0, commits = 0, fenceless = 0, since_fence = 0;
    int inside = 0, fenced = 0;
    if (count != 2) return 2;
    read_places(words[1]);
    while (fgets(line, sizeof line, stdin)) {
        word address = strtoull(line + 3, NULL, 16);
        if (line[0] == 'I') {
            counter = address;
            if (address == fence) fenced = 1, since_fence = 0;
            continue;
        }
        if (line[0] != ' ' || (line[1] != 'S' && line[1] != 'M')) continue;
        if (address == marks[0]) {
            inside = 1, fenced = 0, since_fence = 0;
        } else if (address == marks[1] && inside) {
            inside = 0, commits++;
            late += since_fence;
            fenceless += !fenced;
        } else if (contains(mapping, mappings, address)) {
            stores++, since_fence++;
            if (!contains(door, doors, counter)) {
                if (around++ < 5) fprintf(stderr, "a store to the mapping at %llx by %llx\n", address, counter);
            }
        }
    }
    printf("%llu commits, %llu without a fence; %llu stores to the mapping, %llu around the medium, %llu behind a fence\n",
           commits, fenceless, stores, around, late);
    return commits == 0 || stores == 0 || fenceless || around || late;
}
