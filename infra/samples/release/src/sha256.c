#include "sha256.h"

#include <string.h>

static const uint32_t rounds[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t word, int by) { return word >> by | word << (32 - by); }

/* Words are big-endian whatever the machine is. */
static uint32_t word_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void schedule(const unsigned char block[64], uint32_t words[64])
{
	for (int i = 0; i < 16; i++)
		words[i] = word_at(block + 4 * i);
	for (int i = 16; i < 64; i++) {
		uint32_t a = words[i - 15], b = words[i - 2];
		uint32_t small0 = turned(a, 7) ^ turned(a, 18) ^ a >> 3;
		uint32_t small1 = turned(b, 17) ^ turned(b, 19) ^ b >> 10;
		words[i] = words[i - 16] + small0 + words[i - 7] + small1;
	}
}

static void mix(uint32_t state[8], const unsigned char block[64])
{
	uint32_t words[64], v[8];

	schedule(block, words);
	memcpy(v, state, sizeof v);
	for (int i = 0; i < 64; i++) {
		uint32_t big1 = turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25);
		uint32_t chosen = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t one = v[7] + big1 + chosen + rounds[i] + words[i];
		uint32_t big0 = turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22);
		uint32_t most = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += one;
		v[0] = one + big0 + most;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

void sha256_init(struct sha256 *sum)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(sum->state, start, sizeof start);
	sum->length = 0;
}

void sha256_take(struct sha256 *sum, const void *bytes, size_t count)
{
	const unsigned char *next = bytes;

	while (count > 0) {
		size_t held = sum->length % sizeof sum->block;
		size_t taken = sizeof sum->block - held;
		if (taken > count)
			taken = count;
		memcpy(sum->block + held, next, taken);
		sum->length += taken;
		next += taken;
		count -= taken;
		if (held + taken == sizeof sum->block)
			mix(sum->state, sum->block);
	}
}

/* One bit, zeros, and the length in bits as 64 bits, which fill the last block. */
static void pad(struct sha256 *sum)
{
	static const unsigned char padding[64] = {0x80};
	uint64_t bits = sum->length * 8;
	size_t held = sum->length % 64;
	unsigned char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_take(sum, padding, (held < 56 ? 56 : 120) - held);
	sha256_take(sum, length, sizeof length);
}

void sha256_hex(struct sha256 *sum, char hex[SHA256_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	pad(sum);
	for (int i = 0; i < SHA256_HEX; i++)
		hex[i] = digits[sum->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
	hex[SHA256_HEX] = '\0';
}
