/* What else the machine did meanwhile: CPU time on the cores in question that neither we nor the server had. */
#ifndef NOISE_H
#define NOISE_H

#include "cpu-of.h"
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

struct instant {
	int64_t at;
	struct cpu server;
	int64_t own_ns;
	long long busy_ticks, steal_ticks; /* of the cores that we and the server may run on */
	int cores;
};

/* The cores that the server or we may run on; all where that cannot be told. */
static inline cpu_set_t cores_of(int server)
{
	cpu_set_t own, its;
	CPU_ZERO(&own);
	CPU_ZERO(&its);
	sched_getaffinity(0, sizeof own, &own);
	if (server != 0)
		sched_getaffinity(server, sizeof its, &its);
	CPU_OR(&own, &own, &its);
	return own;
}

static inline void read_ticks(struct instant *instant, const cpu_set_t *cores)
{
	FILE *file = fopen("/proc/stat", "r");
	if (file == NULL)
		die("/proc/stat");
	char line[512];
	while (fgets(line, sizeof line, file) != NULL) {
		int core;
		long long user, nice, system, idle, iowait, irq, softirq, steal;
		if (sscanf(line, "cpu%d %lld %lld %lld %lld %lld %lld %lld %lld", &core, &user, &nice, &system, &idle,
			   &iowait, &irq, &softirq, &steal) != 9 || core >= CPU_SETSIZE || !CPU_ISSET(core, cores))
			continue;
		instant->cores++;
		instant->busy_ticks += user + nice + system + irq + softirq;
		instant->steal_ticks += steal;
	}
	fclose(file);
}

static inline struct instant look(int server)
{
	struct instant instant = { .at = now_ns(), .server = cpu_of(server) };
	struct timespec own;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	instant.own_ns = (int64_t)own.tv_sec * 1000000000 + own.tv_nsec;
	cpu_set_t cores = cores_of(server);
	read_ticks(&instant, &cores);
	return instant;
}

/* The members of a JSON object that tell the server's CPU (microseconds) between two instants, and the noise: CPU
 * seconds of others, and of time that the hypervisor kept, for each second of a core. */
static inline void print_cpu(const struct instant *from, const struct instant *to)
{
	struct cpu cpu = cpu_between(from->server, to->server);
	double tick = 1.0 / sysconf(_SC_CLK_TCK), seconds = (to->at - from->at) / 1e9 * to->cores;
	double busy = (to->busy_ticks - from->busy_ticks) * tick;
	double ours = (cpu.ns + to->own_ns - from->own_ns) / 1e9;
	printf("\"cpu\":%.1f,\"userTicks\":%lld,\"systemTicks\":%lld,\"others\":%.4f,\"steal\":%.4f", cpu.ns / 1e3,
	       cpu.user_ticks, cpu.system_ticks, busy > ours ? (busy - ours) / seconds : 0,
	       (to->steal_ticks - from->steal_ticks) * tick / seconds);
}

/* What a load has found between two instants, as one line of JSON; `answers` are messages of `size` bytes. */
static inline void print_found(uint64_t answers, size_t size, uint64_t unanswered, const struct histogram *latencies,
			       const struct histogram *tenths, int tenths_count, const struct instant *from,
			       const struct instant *to)
{
	double seconds = (to->at - from->at) / 1e9;
	printf("{\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"messagesPerSecond\":%.1f,\"unanswered\":%llu,",
	       (unsigned long long)answers, (unsigned long long)(answers * size), seconds, answers / seconds,
	       (unsigned long long)unanswered);
	print_latencies(latencies);
	printf(",");
	if (tenths_count > 0)
		printf("\"p99OfTenths\":%.1f,", middle_p99_us(tenths, tenths_count));
	print_cpu(from, to);
	printf("}\n");
	fflush(stdout);
}

#endif
