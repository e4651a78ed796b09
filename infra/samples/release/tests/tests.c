/* Tests of sha256.c, as JUnit XML. Answers from FIPS 180-4's examples where it has them.
 *
 *     tests FOLDER     writes FOLDER/junit-$ACRE_PLATFORM.xml, and fails if a case failed
 */
#include "../src/sha256.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct given {
	const char *name, *text;
	long times;
	const char *expected;
};

static const struct given given[] = {
	{"nothing", "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"one block", "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"padding that needs a block", "a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
	{"a whole block", "a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
	{"a million letters", "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

#define CASES (sizeof given / sizeof *given)

static void digest(const struct given *one, char hex[SHA256_HEX + 1])
{
	struct sha256 sum;

	sha256_init(&sum);
	for (long i = 0; i < one->times; i++)
		sha256_take(&sum, one->text, strlen(one->text));
	sha256_hex(&sum, hex);
}

/* The same bytes in pieces of all sizes from 1 to 200 give what they give at once. */
static int pieces_make_no_difference(char message[256])
{
	static unsigned char bytes[20100];
	char at_once[SHA256_HEX + 1], in_pieces[SHA256_HEX + 1];
	struct sha256 sum;
	size_t at = 0;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	sha256_init(&sum);
	sha256_take(&sum, bytes, sizeof bytes);
	sha256_hex(&sum, at_once);
	sha256_init(&sum);
	for (size_t size = 1; size <= 200; at += size++)
		sha256_take(&sum, bytes + at, size);
	sha256_hex(&sum, in_pieces);
	snprintf(message, 256, "at once %s, in pieces %s", at_once, in_pieces);
	return strcmp(at_once, in_pieces) == 0;
}

static void told(FILE *report, const char *name, int passed, const char *message)
{
	printf("%s %s\n", passed ? "ok" : "FAILED", name);
	fprintf(report, "  <testcase classname=\"sha256\" name=\"%s\">", name);
	if (!passed) {
		printf("  %s\n", message);
		fprintf(report, "<failure message=\"%s\"/>", message);
	}
	fprintf(report, "</testcase>\n");
}

static int run(FILE *report)
{
	char hex[SHA256_HEX + 1], message[256];
	int failed = 0, passed;

	for (size_t i = 0; i < CASES; i++) {
		digest(&given[i], hex);
		passed = strcmp(hex, given[i].expected) == 0;
		snprintf(message, sizeof message, "expected %s, got %s", given[i].expected, hex);
		told(report, given[i].name, passed, message);
		failed += !passed;
	}
	passed = pieces_make_no_difference(message);
	told(report, "pieces make no difference", passed, message);
	return failed + !passed;
}

/* The platform has slashes. */
static FILE *report_in(const char *folder)
{
	const char *platform = getenv("ACRE_PLATFORM");
	char path[4096], name[64];

	snprintf(name, sizeof name, "%s", platform == NULL ? "here" : platform);
	for (char *c = name; *c != '\0'; c++)
		if (*c == '/')
			*c = '-';
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return NULL;
	snprintf(path, sizeof path, "%s/junit-%s.xml", folder, name);
	return fopen(path, "w");
}

int main(int count, char **arguments)
{
	FILE *report = count == 2 ? report_in(arguments[1]) : NULL;
	int failed;

	if (report == NULL) {
		fprintf(stderr, "tests: give a folder that reports can be written to\n");
		return 2;
	}
	fprintf(report, "<testsuite name=\"sha256\" tests=\"%d\">\n", (int)CASES + 1);
	failed = run(report);
	fprintf(report, "</testsuite>\n");
	printf("%d tests, %d failed\n", (int)CASES + 1, failed);
	return fclose(report) != 0 || failed > 0;
}
