# Figure "latency", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='latency.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 2360,922 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 1180,461 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 12.29in,4.80in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'Latency against context length' at screen 0.0102,screen 0.9523 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0102,screen 0.9024 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
set label 3 'Whiskers reach to the 95th percentile.' at screen 0.0102,screen 0.0239 left noenhanced font 'DejaVu Sans,8.5' textcolor rgb '#555555'
$latency0_0 << EOD
 237.125 7.8865 7.8865 7.8865
 476.75 22.708 22.708 22.708
 955.375 77.6655 77.6655 77.6655
 1897.25 156.0815 156.0815 156.0815
 3796.125 395.242 395.242 395.242
EOD
$latency0_1 << EOD
 237.125 11.077 11.077 11.077
 476.75 27.2785 27.2785 27.2785
 955.375 80.6025 80.6025 80.6025
 1897.25 152.4195 152.4195 152.4195
 3796.125 332.5175 332.5175 332.5175
EOD
$latency0_2 << EOD
 237.125 9.864 9.864 9.864
 476.75 25.2015 25.2015 25.2015
 955.375 72.969 72.969 72.969
 1897.25 194.7015 194.7015 194.7015
 3796.125 433.476 433.476 433.476
EOD
$latency1_0 << EOD
 237.125 7.8675 7.8675 7.8675
 476.75 22.1255 22.1255 22.1255
 955.375 71.9575 71.9575 71.9575
 1897.25 150.4075 150.4075 150.4075
 3796.125 387.0885 387.0885 387.0885
EOD
$latency1_1 << EOD
 237.125 10.1105 10.1105 10.1105
 476.75 26.6645 26.6645 26.6645
 955.375 74.948 74.948 74.948
 1897.25 150.494 150.494 150.494
 3796.125 330.245 330.245 330.245
EOD
$latency1_2 << EOD
 237.125 8.645 8.645 8.645
 476.75 24.9905 24.9905 24.9905
 955.375 72.4215 72.4215 72.4215
 1897.25 194.7015 194.7015 194.7015
 3796.125 431.815 431.815 431.815
EOD
$latency2_0 << EOD
 237.125 0.0565 0.0565 0.068
 476.75 0 0 0
 955.375 0.551 0.551 1.5825
 1897.25 0.6235 0.6235 0.8825
 3796.125 1.9775 1.9775 1.9945
EOD
$latency2_1 << EOD
 237.125 0.0095 0.0095 0.0175
 476.75 0 0 0
 955.375 0.0165 0.0165 0.8975
 1897.25 0 0 0
 3796.125 0.502 0.502 0.525
EOD
$latency2_2 << EOD
 237.125 0.0435 0.0435 0.056
 476.75 0 0 0
 955.375 0.0555 0.0555 0.1675
 1897.25 0 0 0
 3796.125 0.45 0.45 0.548
EOD
set lmargin at screen 0.0034
set rmargin at screen 0.9966
set tmargin at screen 0.9913
set bmargin at screen 0.0087
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0068,screen 0.8742 left top horizontal maxcols 7 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
plot [0:1] [0:1] -1 notitle, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000' title 'full cache' noenhanced, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2' title 'budget 0.5' noenhanced, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00' title 'budget 0.2' noenhanced
unset key
unset label 1
unset label 2
unset label 3
set border 3 lc rgb '#444444' lw 0.8
set xtics nomirror out scale 0.6 textcolor rgb '#222222'
set ytics nomirror out scale 0.6 textcolor rgb '#222222'
set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7
set lmargin at screen 0.0644
set rmargin at screen 0.3243
set tmargin at screen 0.8069
set bmargin at screen 0.1692
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens)' noenhanced
set yrange [0:*]
set ylabel 'whole answer (ms, median)' noenhanced offset 0.5,0
plot $latency0_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $latency0_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $latency0_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $latency0_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $latency0_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $latency0_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00'
set lmargin at screen 0.3955
set rmargin at screen 0.6554
set tmargin at screen 0.8069
set bmargin at screen 0.1692
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens)' noenhanced
set yrange [0:*]
set ylabel 'first token (ms, median)' noenhanced offset 0.5,0
plot $latency1_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $latency1_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $latency1_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $latency1_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $latency1_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $latency1_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00'
set lmargin at screen 0.7266
set rmargin at screen 0.9864
set tmargin at screen 0.8069
set bmargin at screen 0.1692
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens)' noenhanced
set yrange [0:*]
set ylabel 'between tokens (ms, median)' noenhanced offset 0.5,0
plot $latency2_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $latency2_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $latency2_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $latency2_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $latency2_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $latency2_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00'
unset multiplot
