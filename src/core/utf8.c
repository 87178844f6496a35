#include "core/utf8.h"

int kvt_utf8_decode(const char *text, size_t length, uint32_t *code_point)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char lead = s[0];
    if (lead < 0x80) {
        *code_point = lead;
        return 1;
    }
    *code_point = 0xfffd;
    int need;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the first continuation byte */
    uint32_t value;
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 1;
        value = lead & 0x1fu;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 2;
        value = lead & 0x0fu;
        if (lead == 0xe0)
            low = 0xa0; /* overlong */
        if (lead == 0xed)
            high = 0x9f; /* surrogates */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 3;
        value = lead & 0x07u;
        if (lead == 0xf0)
            low = 0x90;
        if (lead == 0xf4)
            high = 0x8f; /* above U+10FFFF */
    } else {
        return -1;
    }
    for (int i = 1; i <= need; i++) {
        if ((size_t)i >= length || s[i] < low || s[i] > high)
            return -i;
        value = value << 6 | (s[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *code_point = value;
    return need + 1;
}

size_t kvt_utf8_encode(uint32_t c, char out[4])
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t kvt_utf8_valid(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint32_t c;
        int step = kvt_utf8_decode(text + at, length - at, &c);
        if (step < 0)
            break;
        at += (size_t)step;
    }
    return at;
}

size_t kvt_utf8_repair(struct kvt_buffer *out, const char *text, size_t length)
{
    size_t replaced = 0, at = 0;
    kvt_buffer_reserve(out, length);
    while (at < length) {
        uint32_t c;
        int step = kvt_utf8_decode(text + at, length - at, &c);
        size_t width = (size_t)(step < 0 ? -step : step);
        if (step < 0 || c == 0) {
            kvt_buffer_append(out, "\xef\xbf\xbd", 3);
            replaced++;
        } else {
            kvt_buffer_append(out, text + at, width);
        }
        at += width;
    }
    return replaced;
}
