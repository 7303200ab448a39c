/* A load generator over librdkafka, so that the client costs as little as can be.
 *
 *   load produce BROKERS TOPIC COUNT SIZE [name=value ...]     how fast COUNT records of SIZE bytes are acknowledged
 *   load consume BROKERS TOPIC COUNT      [name=value ...]     how fast COUNT records are read from the beginning
 *   load single  BROKERS TOPIC COUNT SIZE [name=value ...]     the same, one record a request (batch.num.messages=1)
 *
 * Prints one line: records seconds failed.   Build: cc -O2 load.c -o load -lrdkafka
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long delivered, failed;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err)
        failed++;
    else
        delivered++;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
}

static void set_rest(rd_kafka_conf_t *conf, int argc, char **argv, int from) {
    for (int i = from; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) {
            fprintf(stderr, "not name=value: %s\n", argv[i]);
            exit(2);
        }
        *value++ = 0;
        set(conf, argv[i], value);
    }
}

static int produce(int argc, char **argv, int single) {
    long count = atol(argv[4]);
    size_t size = (size_t)atol(argv[5]);
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "queue.buffering.max.messages", "2000000");
    set(conf, "queue.buffering.max.kbytes", "1000000");
    if (single) {
        set(conf, "batch.num.messages", "1");
        set(conf, "linger.ms", "0");
    } else {
        set(conf, "linger.ms", "5");
    }
    set_rest(conf, argc, argv, 6);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!rk) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[3], NULL);
    char *payload = malloc(size);
    for (size_t i = 0; i < size; i++)
        payload[i] = (char)('a' + (i * 7 + i / 13) % 26);
    const struct rd_kafka_metadata *metadata; /* connect before the clock starts */
    if (rd_kafka_metadata(rk, 0, topic, &metadata, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    double start = now();
    for (long sent = 0; sent < count;) {
        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload, size, NULL, 0, NULL) == -1) {
            rd_kafka_poll(rk, 10);
            continue;
        }
        if ((++sent & 1023) == 0)
            rd_kafka_poll(rk, 0);
    }
    rd_kafka_flush(rk, 120000);
    printf("%ld %.6f %ld\n", delivered, now() - start, failed);
    return failed != 0;
}

static int consume(int argc, char **argv) {
    long count = atol(argv[4]), got = 0;
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "group.id", "load");
    set(conf, "enable.auto.commit", "false");
    set(conf, "queued.min.messages", "1000000");
    set_rest(conf, argc, argv, 5);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    if (!rk) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[3], NULL);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(rk, 0, topic, &metadata, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 2;
    int partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    double start = now();
    for (int i = 0; i < partitions; i++)
        rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, queue);
    rd_kafka_message_t **messages = malloc(10000 * sizeof *messages);
    while (got < count && now() - start < 120) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 100, messages, 10000);
        for (ssize_t i = 0; i < n; i++) {
            if (!messages[i]->err)
                got++;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    printf("%ld %.6f %d\n", got, now() - start, got < count);
    return 0;
}

int main(int argc, char **argv) {
    if (argc >= 6 && !strcmp(argv[1], "produce"))
        return produce(argc, argv, 0);
    if (argc >= 6 && !strcmp(argv[1], "single"))
        return produce(argc, argv, 1);
    if (argc >= 5 && !strcmp(argv[1], "consume"))
        return consume(argc, argv);
    fprintf(stderr, "usage: load produce|single BROKERS TOPIC COUNT SIZE [name=value ...] | load consume BROKERS TOPIC COUNT\n");
    return 2;
}
