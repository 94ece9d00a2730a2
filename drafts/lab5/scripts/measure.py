"""usage: measure.py STATE n_fd n_bpd steps [label]   figures of the EMA weights with the private reference functions"""
import sys, time, json
import torch, numpy as np; torch.set_num_threads(1)
from labutils import mnist, quality, training, checkpoint
from labutils.unet import ScoreNet
from labutils.training_callbacks import tiles
from tests import vpsde_reference as ref
from matplotlib import image
src, n_fd, n_bpd, steps = sys.argv[1], *map(int, sys.argv[2:5]); cond = len(sys.argv) > 5
if src.endswith(".pt"):
    s=torch.load(src, weights_only=False); net=ScoreNet(**s["config"]); net.load_state_dict(s["ema"]); net.eval(); print("step", s["step"])
else: net=checkpoint.load(src)
sde=ref.VPSDE(); g=torch.Generator().manual_seed(11)
te, tr = mnist.embedded("test"), mnist.embedded("train"); xt=mnist.dequantise(te.images[:256], g)
score=training.score_function(net, sde)
for grid in ("linear","quadratic"):
    if n_fd==0: break
    if grid=="quadratic" and len(sys.argv)<=6 : break
    u=torch.linspace(1,0,steps+1); times = 1e-3+(1-1e-3)*(u if grid=="linear" else u**2)
    c=time.process_time(); out=[]
    for i in range(0,n_fd,64):
        lab = torch.arange(i,i+64)%10 if cond and sys.argv[5]=="cond" else None
        out.append(ref.pc_sampler(times,(64,1,28,28),training.score_function(net,sde,lab),sde,rng=g))
    x=torch.cat(out); c=time.process_time()-c
    m=quality.measure(x.clamp(-1,1), xt); print(grid, steps, "n", n_fd, "cpu s/64:", round(c*64/n_fd,1), {k:(np.round(v,3).tolist()) for k,v in m.items()})
    xr=mnist.dequantise(tr.images,g); nn_gen=quality.nearest(x,xr); nn_real=quality.nearest(xt,xr)
    print("nearest train: generated mean/min/5%", nn_gen.mean().item(), nn_gen.min().item(), nn_gen.quantile(.05).item(), "held-out", nn_real.mean().item(), nn_real.min().item(), nn_real.quantile(.05).item())
    image.imsave(f"build/grid_{grid}_{steps}.png", np.kron(tiles(x[:64],16), np.ones((2,2))), cmap="gray", vmin=-1, vmax=1)
    torch.save(x, f"build/samples_{grid}_{steps}.pt")
if n_bpd:
    c=time.process_time(); b=[]
    idx=torch.arange(n_bpd)
    for i in range(0,n_bpd,32):
        xb=mnist.dequantise(te.images[i:min(i+32,n_bpd)], g); b.append(ref.bits_per_dim(ref.log_likelihood(xb,score,sde,rng=g),784))
    b=torch.cat(b); print("BPD", n_bpd, b.mean().item(), "+-", (b.std()/n_bpd**.5).item(), "cpu", time.process_time()-c)
