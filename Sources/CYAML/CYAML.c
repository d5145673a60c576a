#include "CYAML.h"
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct cyaml_reader {
    yaml_parser_t parser;
    yaml_event_t event;
    const unsigned char *bytes;
    size_t length;
};

struct cyaml_reader *cyaml_open(const unsigned char *bytes, size_t length) {
    struct cyaml_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    if (!yaml_parser_initialize(&reader->parser)) {
        free(reader);
        return NULL;
    }
    reader->bytes = bytes;
    reader->length = length;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, bytes, length);
    return reader;
}

void cyaml_close(struct cyaml_reader *reader) {
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    free(reader);
}

/* libyaml gives a mark for what it parses, but only an offset for bytes that are no text. */
static yaml_mark_t mark_of_failure(const struct cyaml_reader *reader) {
    if (reader->parser.error != YAML_READER_ERROR) return reader->parser.problem_mark;
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < reader->length && i < reader->parser.problem_offset; i++) {
        mark.column++;
        if (reader->bytes[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static struct cyaml_event failure(const struct cyaml_reader *reader) {
    struct cyaml_event flat = {.kind = CYAML_ERROR};
    yaml_mark_t mark = mark_of_failure(reader);
    flat.line = mark.line + 1;
    flat.column = mark.column + 1;
    flat.text = reader->parser.problem ? reader->parser.problem : "not YAML";
    flat.length = strlen(flat.text);
    return flat;
}

struct cyaml_event cyaml_next(struct cyaml_reader *reader) {
    yaml_event_t *event = &reader->event;
    do {
        yaml_event_delete(event);
        if (!yaml_parser_parse(&reader->parser, event)) return failure(reader);
    } while (event->type == YAML_STREAM_START_EVENT);

    struct cyaml_event flat = {.line = event->start_mark.line + 1, .column = event->start_mark.column + 1};
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        flat.kind = CYAML_SCALAR;
        flat.text = (const char *)event->data.scalar.value;
        flat.length = event->data.scalar.length;
        flat.is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        flat.has_tag = event->data.scalar.tag != NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        flat.kind = CYAML_SEQUENCE_START;
        flat.has_tag = event->data.sequence_start.tag != NULL;
        break;
    case YAML_MAPPING_START_EVENT:
        flat.kind = CYAML_MAPPING_START;
        flat.has_tag = event->data.mapping_start.tag != NULL;
        break;
    case YAML_SEQUENCE_END_EVENT: flat.kind = CYAML_SEQUENCE_END; break;
    case YAML_MAPPING_END_EVENT: flat.kind = CYAML_MAPPING_END; break;
    case YAML_ALIAS_EVENT: flat.kind = CYAML_ALIAS; break;
    case YAML_DOCUMENT_START_EVENT: flat.kind = CYAML_DOCUMENT_START; break;
    case YAML_DOCUMENT_END_EVENT: flat.kind = CYAML_DOCUMENT_END; break;
    default: flat.kind = CYAML_STREAM_END; break;
    }
    return flat;
}
