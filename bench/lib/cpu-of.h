/* The CPU time that another process has had. */
#ifndef CPU_OF_H
#define CPU_OF_H

#include "measure.h"
#include <string.h>

struct cpu {
	int64_t ns; /* all its threads, exact */
	/* How the kernel divides that, in ticks of 10 ms: by what it found running at each timer interrupt. */
	long long user_ticks, system_ticks;
};

static inline struct cpu cpu_of(int pid)
{
	struct cpu cpu = { 0 };
	if (pid == 0)
		return cpu;
	clockid_t clock;
	struct timespec time;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) < 0)
		die("the server's CPU clock");
	cpu.ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
	char path[32], stat[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL || fgets(stat, sizeof stat, file) == NULL)
		die(path);
	fclose(file);
	/* The second field, the name in parentheses, may hold anything: fields count from behind it. */
	char *rest = strrchr(stat, ')');
	if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &cpu.user_ticks,
				   &cpu.system_ticks) != 2)
		die(path);
	return cpu;
}

static inline struct cpu cpu_between(struct cpu before, struct cpu after)
{
	return (struct cpu){ after.ns - before.ns, after.user_ticks - before.user_ticks,
			     after.system_ticks - before.system_ticks };
}

#endif
