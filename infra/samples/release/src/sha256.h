/* SHA-256 (FIPS 180-4). */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX (2 * SHA256_BYTES)

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes taken so far */
	unsigned char block[64];
};

void sha256_init(struct sha256 *sum);

/* Takes in any number of bytes, any number of times. */
void sha256_take(struct sha256 *sum, const void *bytes, size_t count);

/* The digest in hexadecimal and a zero; `sum` is used up. */
void sha256_hex(struct sha256 *sum, char hex[SHA256_HEX + 1]);

#endif
