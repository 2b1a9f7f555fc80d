// SPDX-License-Identifier: Apache-2.0

package erouteargs

import "github.com/ipsec-eroute/eroute/internal/cli"

// Options that actions take or need.
var (
	SelectorOptions = cli.MaskOf(OptEraf, OptSrc, OptDst, OptTransportProto, OptSrcPort, OptDstPort)
	EndOptions      = cli.MaskOf(OptSrc, OptDst)
	FilterOptions   = cli.MaskOf(OptEraf, OptSrc, OptDst, OptSAID, OptMinPackets)

	saidPartOptions = cli.MaskOf(OptAf, OptEdst, OptSPI, OptProto)
	saidOptions     = saidPartOptions | cli.MaskOf(OptSAID, OptSpread, OptReturnAfter)
	acquireOptions  = cli.MaskOf(OptAcquireMode, OptAcquireProto, OptAcquirePeer, OptAcquireReqID, OptAcquireSpread)
)

// ChangeActions returns the actions that change eroutes, which call run. A line of a batch is one of them.
func ChangeActions[C any](run func(C) error) cli.Actions[C] {
	return cli.Actions[C]{
		{Option: OptAdd, Takes: SelectorOptions | saidOptions | acquireOptions | cli.MaskOf(OptCheck), Needs: EndOptions, Run: run},
		{Option: OptReplace, Takes: SelectorOptions | saidOptions | acquireOptions | cli.MaskOf(OptCheck), Needs: EndOptions, Run: run},
		{Option: OptDel, Takes: SelectorOptions | saidOptions | cli.MaskOf(OptCheck), Needs: EndOptions, Run: run},
		{Option: OptClear, Takes: cli.MaskOf(OptCheck), Run: run},
	}
}
