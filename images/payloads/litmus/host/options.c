// SPDX-License-Identifier: GPL-2.0-only
#include "host/options.h"
#include "number.h"
#include "shared/shared.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char options_usage[] =
	"usage: nvh-litmus [options]\n"
	"  --list           print the selected cases and end\n"
	"  --describe       print what the selected cases are made of, and end\n"
	"  --case GLOB      only cases whose name matches (may be repeated)\n"
	"  --skip GLOB      none whose name matches (may be repeated)\n"
	"  --cases FILE     only the cases that FILE names, one a line, in its order\n"
	"  --op NAME        only cases of this operation\n"
	"  --granule SIZE   only cases with this stage-2 granule: 4k, 16k or 64k\n"
	"  --cpus N         only cases with N vCPUs\n"
	"  --quick          none that walks whole shadow contexts\n"
	"  --seconds S      begin no case after S seconds\n"
	"  --every N        only each Nth of the selected cases\n"
	"  --program FILE   run the programs of a text instead of cases; `-`: standard input\n"
	"  --failures N     end after N programs, or cases, that failed\n"
	"  --features       print which features with TLBIs L1 has, and end\n"
	"  --predict WORDS  print the population of a machine with these features= (docs/populations.md), without KVM\n"
	"  --pressure N     read N other pages before each case and each operation under test, at most 4096\n"
	"  --self-test      leave the operation out and expect each case to fail\n"
	"  --keep-exit      with --self-test: keep the exit to L0 by which vEL2's operation is executed\n"
	"  --vmm NAME       nvh: this program (default); qemu: QEMU boots the payload\n"
	"  --mark           mark begin and end of each case in L0's trace\n"
	"  --leave          end before the VMs have ended\n"
	"  --quiet          print only cases that did not pass\n"
	"exit status: 0 all passed, 1 some did not, 2 usage, 3 no KVM with EL2\n";

bool options_parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "list", no_argument, NULL, 'l' },	   { "case", required_argument, NULL, 'c' },
		{ "op", required_argument, NULL, 'o' },	   { "granule", required_argument, NULL, 'g' },
		{ "cpus", required_argument, NULL, 'n' },  { "seconds", required_argument, NULL, 's' },
		{ "every", required_argument, NULL, 'e' }, { "self-test", no_argument, NULL, 't' },
		{ "quiet", no_argument, NULL, 'q' },	   { "quick", no_argument, NULL, 'k' },
		{ "skip", required_argument, NULL, 'x' },  { "vmm", required_argument, NULL, 'v' },
		{ "mark", no_argument, NULL, 'm' },	   { "help", no_argument, NULL, 'h' },
		{ "failures", required_argument, NULL, 'F' }, { "predict", required_argument, NULL, 'P' },
		{ "cases", required_argument, NULL, 'C' }, { "describe", no_argument, NULL, 'd' },
		{ "leave", no_argument, NULL, 'L' },	   { "pressure", required_argument, NULL, 'R' },
		{ "features", no_argument, NULL, 'f' },	   { "program", required_argument, NULL, 'p' },
		{ "keep-exit", no_argument, NULL, 'K' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'l':
			o->list = true;
			break;
		case 'c':
			if (o->glob_count == sizeof(o->globs) / sizeof(*o->globs))
				return false;
			o->globs[o->glob_count++] = optarg;
			break;
		case 'x':
			if (o->skip_count == sizeof(o->skip) / sizeof(*o->skip))
				return false;
			o->skip[o->skip_count++] = optarg;
			break;
		case 'o':
			o->op = optarg;
			break;
		case 'g':
			o->granule = optarg;
			break;
		case 'n':
			if (!number_unsigned(optarg, 1, 999999, &o->cpus))
				return false;
			break;
		case 's':
			if (!number_unsigned(optarg, 1, 999999, &o->seconds))
				return false;
			break;
		case 'e':
			if (!number_unsigned(optarg, 1, 999999, &o->every))
				return false;
			break;
		case 'R':
			if (!number_unsigned(optarg, 0, PRESSURE_PAGES, &o->pressure))
				return false;
			break;
		case 't':
			o->self_test = true;
			break;
		case 'K':
			o->keep_exit = true;
			break;
		case 'v':
			o->qemu = !strcmp(optarg, "qemu");
			if (!o->qemu && strcmp(optarg, "nvh"))
				return false;
			break;
		case 'm':
			o->mark = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'C':
			o->cases = optarg;
			break;
		case 'L':
			o->leave = true;
			break;
		case 'd':
			o->describe = true;
			break;
		case 'F':
			if (!number_unsigned(optarg, 1, 999999, &o->failures))
				return false;
			break;
		case 'f':
			o->features = true;
			break;
		case 'p':
			o->program = optarg;
			break;
		case 'P':
			o->predict = optarg;
			break;
		case 'k':
			o->quick = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && (o->self_test || !o->keep_exit);
}
