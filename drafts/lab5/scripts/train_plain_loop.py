"""Plain loop: time-budgeted training of the checkpoint. usage: train.py OUT END(epoch seconds)"""
import sys, time, json, math, copy, os

import torch
from labutils import mnist
from labutils.unet import ScoreNet
torch.set_num_threads(1)
out, end = sys.argv[1], float(sys.argv[2]); os.makedirs(out, exist_ok=True)
opts = dict(lr=1.5e-3, batch=32, drop=0.5, logpart=0.05, dropout=0.05); opts.update(json.loads(sys.argv[3]) if len(sys.argv) > 3 else {})
seed = 5; torch.manual_seed(seed)
def alpha_sigma(t):
    b = 0.25*t**2*19.9 + 0.5*t*0.1
    return torch.exp(-b), torch.sqrt(-torch.expm1(-2*b))
def times(n):
    u = (torch.arange(n) + torch.rand(n))/n
    share = opts["logpart"]
    return torch.where(u < share, 1e-5**(1-u/share), 1e-5+(1-1e-5)*((u-share)/(1-share)).clamp(min=0)**1.5)
train, val = mnist.embedded("train"), mnist.embedded("validation")
net = ScoreNet(dropout=opts["dropout"]); ema = copy.deepcopy(net).eval().requires_grad_(False)
print("params", sum(p.numel() for p in net.parameters()), flush=True)
opt = torch.optim.AdamW(net.parameters(), lr=opts["lr"], weight_decay=1e-2)
step = 0; used = 0.0; epoch = 0
state = f"{out}/last.pt"
if os.path.exists(state):
    s = torch.load(state, weights_only=False); net.load_state_dict(s["net"]); ema.load_state_dict(s["ema"]); opt.load_state_dict(s["opt"]); step, used, epoch = s["step"], s["used"], s["epoch"]; torch.manual_seed(seed+step)
def save():
    torch.save(dict(net=net.state_dict(), ema=ema.state_dict(), opt=opt.state_dict(), step=step, used=used, epoch=epoch, config=net.config, opts=opts), state+".tmp"); os.replace(state+".tmp", state)
def lossf(model, x, t, z, label):
    a, s = alpha_sigma(t); c = lambda v: v[:,None,None,None]
    return ((c(s)*model(c(a)*x + c(s)*z, a, s, label) + z)**2).sum((1,2,3))
g = torch.Generator().manual_seed(1); nv = 700
vx = mnist.dequantise(val.images, g); vt = (torch.arange(nv)+.5)/nv; vt = vt[torch.randperm(nv, generator=g)]*(1-1e-5)+1e-5; vl = torch.exp(math.log(1e-5)*(1-vt)); vz = torch.randn(vx.shape, generator=g)
def validate():
    with torch.no_grad():
        ev = lambda m,x,t,z,l: torch.cat([lossf(m, x[i:i+100], t[i:i+100], z[i:i+100], None if l is None else l[i:i+100]) for i in range(0,len(x),100)]).mean().item()
        r = dict(val_dsm=ev(ema,vx,vt,vz,None), val_cond=ev(ema,vx,vt,vz,val.labels), val_log=ev(ema,vx,vl,vz,None))
        tx = mnist.dequantise(train.images[:700], torch.Generator().manual_seed(2)); r["train_dsm"] = ev(ema,tx,vt,vz,None)
    return r
start = time.time(); begin = start - used; last_save = start; last_val = start; run = 0; m = 0
B = opts["batch"]
while time.time() < end - 1:
    for idx in torch.randperm(4000).split(B):
        if len(idx) < B: continue
        now = time.time(); end = float(open(out+'/END').read())
        if now >= end: break
        p = (now-begin)/(end-begin)
        for gr in opt.param_groups: gr["lr"] = opts["lr"]*min(1,(step+1)/300)*min(1,max(0,(1-p)/0.3))
        x = mnist.dequantise(train.images[idx]); lab = train.labels[idx].clone(); lab[torch.rand(B) < opts["drop"]] = -1
        loss = lossf(net, x, times(B), torch.randn_like(x), lab).mean()
        opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step(); step += 1
        d = min(0.9993, (1+step)/(20+step))
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.parameters()), list(net.parameters()), 1-d)
        run += loss.item(); m += 1
    epoch += 1; now = time.time(); used = now-begin
    if now-last_val > opts.get("every", 240) or now >= end:
        last_val = now; print(json.dumps(dict(step=step, epoch=epoch, used=round(used), cpu=round(time.process_time()), loss=round(run/m,3), lr=opt.param_groups[0]["lr"], **{k: round(v,3) for k,v in validate().items()})), flush=True); run=0; m=0
        save()
save(); print("done", flush=True)
