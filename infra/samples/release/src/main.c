/* sum256: prints and checks SHA-256 digests, in the format of sha256sum.
 *
 *     sum256 [FILE]...         a line for each file, or for standard input
 *     sum256 --check FILE      checks the lines of FILE; fails if one does not hold
 *     sum256 --version         version, machine, size of a pointer in bits
 */
#include "sha256.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#else
#include <sys/utsname.h>
#endif

#ifndef VERSION
#define VERSION "unversioned"
#endif

/* A digest, two blanks, a path, a newline. */
#define LONGEST_LINE (SHA256_HEX + 2 + 4096 + 1)

static int digest_of(FILE *file, char hex[SHA256_HEX + 1])
{
	struct sha256 sum;
	unsigned char buffer[65536];
	size_t count;

	sha256_init(&sum);
	while ((count = fread(buffer, 1, sizeof buffer, file)) > 0)
		sha256_take(&sum, buffer, count);
	sha256_hex(&sum, hex);
	return ferror(file) ? -1 : 0;
}

static int digest_of_path(const char *path, char hex[SHA256_HEX + 1])
{
	FILE *file = fopen(path, "rb");
	int failed;

	if (file == NULL) {
		fprintf(stderr, "sum256: %s: %s\n", path, strerror(errno));
		return -1;
	}
	failed = digest_of(file, hex);
	if (failed)
		fprintf(stderr, "sum256: %s: cannot be read\n", path);
	fclose(file);
	return failed;
}

/* Whether the line `DIGEST  PATH` holds. */
static int check_line(char *line)
{
	char hex[SHA256_HEX + 1];
	const char *path = line + SHA256_HEX + 2;

	line[strcspn(line, "\n")] = '\0';
	if (strlen(line) <= SHA256_HEX + 2 || line[SHA256_HEX] != ' ' || line[SHA256_HEX + 1] != ' ') {
		fprintf(stderr, "sum256: not a digest, two blanks and a path: %.80s\n", line);
		return 0;
	}
	if (digest_of_path(path, hex) != 0)
		return 0;
	if (memcmp(line, hex, SHA256_HEX) != 0) {
		printf("%s: FAILED\n", path);
		return 0;
	}
	printf("%s: OK\n", path);
	return 1;
}

static int check(const char *list)
{
	char line[LONGEST_LINE + 1];
	FILE *file = fopen(list, "r");
	int failed = 0;

	if (file == NULL) {
		fprintf(stderr, "sum256: %s: %s\n", list, strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof line, file) != NULL)
		failed |= !check_line(line);
	fclose(file);
	return failed;
}

static int version(void)
{
#ifdef _WIN32
	const char *machine = "windows";
#else
	struct utsname name;
	const char *machine = name.machine;

	if (uname(&name) != 0)
		return 1;
#endif
	printf("sum256 %s %s %d\n", VERSION, machine, (int)(8 * sizeof(void *)));
	return 0;
}

int main(int count, char **arguments)
{
	char hex[SHA256_HEX + 1];
	int failed = 0;

#ifdef _WIN32
	/* A line's end is part of what is summed up. */
	_setmode(_fileno(stdin), _O_BINARY);
#endif
	if (count == 2 && strcmp(arguments[1], "--version") == 0)
		return version();
	if (count == 3 && strcmp(arguments[1], "--check") == 0)
		return check(arguments[2]);
	if (count == 1) {
		failed = digest_of(stdin, hex) != 0;
		printf("%s  -\n", hex);
	}
	for (int i = 1; i < count; i++) {
		if (digest_of_path(arguments[i], hex) != 0)
			failed = 1;
		else
			printf("%s  %s\n", hex, arguments[i]);
	}
	return failed;
}
