"""The network: dilated convolutions for what is near, a recurrent layer both ways for what is far."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lipwright.articulation.features import N_BANDS
from lipwright.articulation.phones import PHONES
from training.recordings import CHANNELS


class Residual(nn.Module):
    """A dilated convolution and a mix of its channels, added to what came in."""

    def __init__(self, channels: int, dilation: int, dropout: float = 0.15) -> None:
        super().__init__()
        self.near = nn.Conv1d(channels, channels, 5, dilation=dilation, padding=2 * dilation)
        self.norm = nn.BatchNorm1d(channels)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout1d(dropout)  # whole channels: a tenth of a step cheaper than single values

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.mix(F.gelu(self.norm(self.near(x)))))


class Articulator(nn.Module):
    """Log-mel at 100 Hz -> mouth at 50 Hz."""

    def __init__(self, channels: int = 96, recurrent: int = 64) -> None:
        super().__init__()
        self.enter = nn.Conv1d(N_BANDS, channels, 5, padding=2)
        self.enter_norm = nn.BatchNorm1d(channels)
        self.halve = nn.Conv1d(channels, channels, 4, stride=2)
        self.halve_norm = nn.BatchNorm1d(channels)
        self.blocks = nn.ModuleList([Residual(channels, dilation) for dilation in (1, 2, 4, 8, 1, 2)])
        # An LSTM, because on a CPU it trains in one fused kernel: a third of a step cheaper than a GRU.
        self.around = nn.LSTM(channels, recurrent, batch_first=True, bidirectional=True)
        heard = channels + 2 * recurrent
        self.dropout = nn.Dropout(0.3)
        self.shape_head = nn.Sequential(nn.Linear(heard, 96), nn.GELU(), nn.Linear(96, len(CHANNELS)))
        self.gate_head = nn.Sequential(nn.Linear(heard, 48), nn.GELU(), nn.Linear(48, 2))
        self.phone_head = nn.Linear(heard, len(PHONES))

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, 2 t, 64) -> shape z-scores (b, t, 14), logits of closure and rest (b, t, 2), of phones (b, t, 20)."""
        x = mel.transpose(1, 2)  # (b, 64, 2 t)
        x = F.gelu(self.enter_norm(self.enter(x)))  # (b, 96, 2 t)
        x = F.gelu(self.halve_norm(self.halve(F.pad(x, (1, 1)))))  # (b, 96, t)
        for block in self.blocks:
            x = block(x)
        x = x.transpose(1, 2)  # (b, t, 96)
        around, _ = self.around(x)  # (b, t, 128)
        heard = self.dropout(torch.cat([x, around], dim=-1))  # (b, t, 224)
        return self.shape_head(heard), self.gate_head(heard), self.phone_head(heard)
